import type { TensorMap } from '@d3/tensor';
import type { Backend } from './backend.ts';
import { type Probe, probeInput, probeSegment } from './probe-segment.ts';

/** Convolutions of every kind that runtimes have kernels for, pools, a matrix product, and functions that are approximated. */
const GOLDEN: Probe = {
  id: 'golden',
  input: { name: 'x', shape: [1, 8, 21, 19] },
  weights: [
    { name: 'w1', shape: [24, 8, 3, 3] },
    { name: 'w2', shape: [24, 1, 3, 3] },
    { name: 'w3', shape: [40, 24, 1, 1] },
    { name: 'w4', shape: [40, 20, 5, 5] },
    { name: 'w5', shape: [10, 40] },
    { name: 'b5', shape: [10] },
  ],
  nodes: [
    { op: 'Conv', inputs: ['x', 'w1'], outputs: ['h1'], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
    { op: 'Relu', inputs: ['h1'], outputs: ['h2'] },
    {
      op: 'Conv',
      inputs: ['h2', 'w2'],
      outputs: ['h3'],
      attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], group: 24 },
    },
    { op: 'MaxPool', inputs: ['h3'], outputs: ['h4'], attributes: { kernel_shape: [3, 3], strides: [2, 2] } },
    { op: 'Conv', inputs: ['h4', 'w3'], outputs: ['h5'], attributes: { kernel_shape: [1, 1] } },
    { op: 'Sigmoid', inputs: ['h5'], outputs: ['gate'] },
    { op: 'Mul', inputs: ['h5', 'gate'], outputs: ['h6'] },
    {
      op: 'Conv',
      inputs: ['h6', 'w4'],
      outputs: ['h7'],
      attributes: { kernel_shape: [5, 5], pads: [2, 2, 2, 2], group: 2 },
    },
    { op: 'Tanh', inputs: ['h7'], outputs: ['features'] },
    { op: 'GlobalAveragePool', inputs: ['features'], outputs: ['h8'] },
    { op: 'Flatten', inputs: ['h8'], outputs: ['h9'] },
    { op: 'Gemm', inputs: ['h9', 'w5', 'b5'], outputs: ['h10'], attributes: { transB: 1 } },
    { op: 'Softmax', inputs: ['h10'], outputs: ['scores'] },
  ],
  outputs: [
    { name: 'h3', shape: [1, 24, 21, 19] },
    { name: 'features', shape: [1, 40, 10, 9] },
    { name: 'scores', shape: [1, 10] },
  ],
};

/**
 * A backend's numeric class: SHA-256, in hex, of what it is and of the bits that a small network gives on it. Equal classes
 * mean equal bits of everything, as far as a sample can tell; so the runtime's version and kind are part of it.
 *
 * @param runtime - kind and version, e.g. `cpu 1.30.0`
 */
export async function goldenRun(backend: Pick<Backend, 'prepare'>, runtime: string): Promise<string> {
  const session = await backend.prepare(probeSegment(GOLDEN));
  try {
    const { outputs } = await session.run(probeInput(GOLDEN));
    return await hashOf(runtime, outputs);
  } finally {
    await session.dispose();
  }
}

async function hashOf(runtime: string, outputs: TensorMap): Promise<string> {
  const parts = [
    new TextEncoder().encode(runtime),
    ...GOLDEN.outputs.flatMap(({ name }) => outputs[name]?.bytes ?? []),
  ];
  const digest = await crypto.subtle.digest('SHA-256', await new Blob(parts).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
