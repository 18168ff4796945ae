import { buildModel } from '@d3/onnx';
import type { Backend, SegmentSession, SegmentSpec } from '@d3/runtime';
import { makeTensor, type TensorMap } from '@d3/tensor';

/** Two convolutions, a few milliseconds on a server's core. */
const CHANNELS = 64;
const SIDE = 28;
const SHAPE = [1, CHANNELS, SIDE, SIDE] as const;
/** One run may fit between two turns of whoever shares the core; several in a row do not. */
const LONG_ENOUGH_MS = 24;
/** What the machine does at best is forgotten by so much with each probe, since clocks change. */
const FORGET = 1.001;

/** Times a fixed little network on the tier's own backend, against the least it ever took. */
export class IdleProbe {
  readonly #session: SegmentSession;
  readonly #inputs: TensorMap;
  #leastMs = Number.POSITIVE_INFINITY;

  private constructor(session: SegmentSession) {
    this.#session = session;
    this.#inputs = { x: makeTensor('x', 'float32', SHAPE, values(CHANNELS * SIDE * SIDE)) };
  }

  /** @throws D3Error what {@link Backend.prepare} throws */
  static async prepare(backend: Backend): Promise<IdleProbe> {
    const probe = new IdleProbe(await backend.prepare(probeSegment()));
    await probe.contention();
    return probe;
  }

  /**
   * How many times longer than at best it takes now.
   *
   * @throws D3Error what a run throws
   */
  async contention(): Promise<number> {
    this.#leastMs *= FORGET;
    let totalMs = 0;
    let runs = 0;
    while (totalMs < LONG_ENOUGH_MS) {
      const { computeMs } = await this.#session.run(this.#inputs);
      this.#leastMs = Math.min(computeMs, this.#leastMs);
      totalMs += computeMs;
      runs++;
    }
    return totalMs / (runs * this.#leastMs);
  }
}

function probeSegment(): SegmentSpec {
  const weightShape = [CHANNELS, CHANNELS, 3, 3];
  const value = (name: string) => ({ name, type: 'float32' as const, shape: [...SHAPE] });
  const bytes = 4 * CHANNELS * SIDE * SIDE;
  const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const model = {
    bytes: buildModel({
      opset: 17,
      nodes: [
        { op: 'Conv', inputs: ['x', 'w'], outputs: ['h'], attributes },
        { op: 'Conv', inputs: ['h', 'w'], outputs: ['y'], attributes },
      ],
      inputs: [value('x')],
      outputs: [value('y')],
      initializers: [{ name: 'w', type: 'float32', shape: weightShape, data: values(CHANNELS * CHANNELS * 9) }],
    }),
    inputs: [{ ...value('x'), bytes, isInput: true, isOutput: false }],
    outputs: [{ ...value('y'), bytes, isInput: false, isOutput: true }],
    weights: [],
  };
  return { id: 'idle-probe', model, level: 'extended', weights: { kind: 'blobs', blobs: new Map() } };
}

/** Small values without structure: no operator is faster on them. */
function values(length: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, index) => Math.sin(index * 12.9898) / 32);
}
