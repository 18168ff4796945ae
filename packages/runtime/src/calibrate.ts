import type { NodeSpec } from '@d3/onnx';
import type { Backend } from './backend.ts';
import { type Probe, probeInput, probeSegment } from './probe-segment.ts';

/** How long {@link calibrate} may take. */
export interface CalibrateOptions {
  /** About how long the timed runs may take in all. Default 600. */
  readonly budgetMs?: number;
  readonly signal?: AbortSignal;
}

/** A backend's speed, slowdown included: part of a tier's profile. */
export interface Calibration {
  /** 10^6 floating-point operations per millisecond, a multiply-add counted as two. */
  readonly gflops: number;
  /** What a segment costs beside its operations. */
  readonly fixedMs: number;
}

const SIDE = 28;
const PAIRS = 3;
/** Channels of the chains to time, from cheap to dear. */
const WIDTHS = [16, 32, 64, 128] as const;
const TIMED_RUNS = 5;
/** Share of the budget that one chain's runs may take. */
const CHAIN_SHARE = 0.6;

/**
 * Measures a backend in well under a second, without any model's weights: an almost empty segment for the fixed cost, then
 * chains of convolutions of growing width until the next would not fit the budget. The widest one's rate counts.
 *
 * @throws what {@link Backend.prepare} and a run throw
 */
export async function calibrate(backend: Backend, options: CalibrateOptions = {}): Promise<Calibration> {
  const budgetMs = options.budgetMs ?? 600;
  const fixedMs = await medianRunMs(backend, EMPTY, options.signal);
  let gflops = 0;
  for (const width of WIDTHS) {
    const flops = chainFlops(width);
    if (gflops > 0 && (flops / (gflops * 1e6)) * TIMED_RUNS > budgetMs * CHAIN_SHARE) break;
    const ms = await medianRunMs(backend, chain(width), options.signal);
    // A timer's resolution bounds what can be said of a very fast backend.
    gflops = flops / 1e6 / Math.max(ms - fixedMs, ms / 10, 1e-3);
  }
  return { gflops, fixedMs };
}

const EMPTY: Probe = {
  id: 'calibration-empty',
  nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
  weights: [],
  input: { name: 'x', shape: [1, 16] },
  outputs: [{ name: 'y', shape: [1, 16] }],
};

/** Pairs of a 3×3 and a 1×1 convolution, each with its Relu: what most published networks spend their time on. */
function chain(width: number): Probe {
  const shape = [1, width, SIDE, SIDE];
  const kernels = Array.from({ length: 2 * PAIRS }, (_, index) => (index % 2 === 0 ? 3 : 1));
  const nodes = kernels.flatMap((kernel, index): NodeSpec[] => {
    const pad = (kernel - 1) / 2;
    const attributes = { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad] };
    return [
      { op: 'Conv', inputs: [index === 0 ? 'x' : `r${index - 1}`, `w${index}`], outputs: [`c${index}`], attributes },
      { op: 'Relu', inputs: [`c${index}`], outputs: [`r${index}`] },
    ];
  });
  return {
    id: `calibration-${width}`,
    nodes,
    weights: kernels.map((kernel, index) => ({ name: `w${index}`, shape: [width, width, kernel, kernel] })),
    input: { name: 'x', shape },
    outputs: [{ name: `r${kernels.length - 1}`, shape }],
  };
}

function chainFlops(width: number): number {
  return 2 * PAIRS * (9 + 1) * width * width * SIDE * SIDE;
}

async function medianRunMs(backend: Backend, probe: Probe, signal: AbortSignal | undefined): Promise<number> {
  const options = signal === undefined ? {} : { signal };
  const session = await backend.prepare(probeSegment(probe), options);
  try {
    const inputs = probeInput(probe);
    const times: number[] = [];
    for (let run = 0; run < TIMED_RUNS; run++) {
      const startedMs = performance.now();
      const { queueMs } = await session.run(inputs, options);
      times.push(performance.now() - startedMs - queueMs);
    }
    return times.sort((a, b) => a - b)[Math.floor(TIMED_RUNS / 2)] ?? 0;
  } finally {
    await session.dispose();
  }
}
