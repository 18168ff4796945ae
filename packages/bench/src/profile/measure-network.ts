import { extractSegment, type PackedModel, type SegmentModel, type WeightLocation } from '@d3/onnx';
import { steadyTimes, type TierProfile } from '@d3/profile';
import { type Backend, calibrate, type SegmentSession, type SegmentSpec, type SegmentWeights } from '@d3/runtime';
import { makeTensor, type TensorMap } from '@d3/tensor';

/** A packed model, and where this machine's backend finds its weights. */
export interface TimedModel {
  readonly packed: Pick<PackedModel, 'manifest' | 'graph'>;
  locate(weight: { readonly id: string }): WeightLocation;
  weightsOf(model: SegmentModel): SegmentWeights;
}

/** What a segment took on a machine left alone; see `steadyTimes`. */
export interface SegmentTime {
  readonly computeMs: number;
  /** From the call to its result, less the wait for a worker. */
  readonly wallMs: number;
}

/** A network on a backend. */
export interface Measured {
  readonly profile: TierProfile;
  /** Without what was timed in between. */
  readonly calibrationMs: number;
  readonly times: readonly SegmentTime[];
}

/** Segments that are kept ready at once hold so much of weights. */
const BATCH_BYTES = 300e6;
/** Of a batch beside which nothing is calibrated; as many as a calibration has. */
const ROUNDS = 12;

/**
 * Calibrates a backend and, in turn with the calibration's rounds, times segments of a network: whatever slows the machine for seconds
 * then hits both alike, and what is left between them is what the model gets wrong. Segments that do not fit into memory beside the
 * first are timed afterwards. In each round every segment runs once: in use, none runs twice in a row.
 */
export async function measureNetwork(
  backend: Backend,
  model: TimedModel,
  segments: readonly (readonly number[])[],
): Promise<Measured> {
  const [first = [], ...others] = batchesOf(segments.map((layers) => specOf(model, layers)));
  const batch = await Batch.prepare(backend, first);
  const startedMs = performance.now();
  let besideMs = 0;
  const { gflops, fixedMs, handoffMs, terms } = await calibrate(backend, {
    betweenRounds: async () => {
      besideMs += await batch.round();
    },
  });
  const calibrationMs = performance.now() - startedMs - besideMs;
  const times = [...(await batch.end())];
  for (const specs of others) {
    const next = await Batch.prepare(backend, specs);
    for (let round = 0; round < ROUNDS; round++) await next.round();
    times.push(...(await next.end()));
  }
  const tier = { tier: 'any', backend: backend.name, concurrency: 1, slowdown: 1 };
  return { profile: { ...tier, gflops, fixedMs, handoffMs, terms }, calibrationMs, times };
}

function specOf(model: TimedModel, layers: readonly number[]): SegmentSpec {
  const { manifest } = model.packed;
  const segment = extractSegment(model.packed, layers, { locate: (weight) => model.locate(weight) });
  const id = `${manifest.name}[${layers[0]}…${layers.at(-1)}]`;
  return { id, model: segment, level: manifest.level, weights: model.weightsOf(segment) };
}

function batchesOf(specs: readonly SegmentSpec[]): SegmentSpec[][] {
  const batches: SegmentSpec[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const spec of specs) {
    const own = spec.model.weights.reduce((sum, weight) => sum + weight.bytes, 0);
    if (bytes + own > BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(spec);
    bytes += own;
  }
  return batches;
}

interface Running {
  readonly session: SegmentSession;
  readonly inputs: TensorMap;
  readonly computeMs: number[];
  readonly wallMs: number[];
}

/** Segments that are ready at once. */
class Batch {
  readonly #running: readonly Running[];

  private constructor(running: readonly Running[]) {
    this.#running = running;
  }

  static async prepare(backend: Backend, specs: readonly SegmentSpec[]): Promise<Batch> {
    const running: Running[] = [];
    for (const spec of specs) {
      const session = await backend.prepare(spec);
      running.push({ session, inputs: activations(spec.model), computeMs: [], wallMs: [] });
    }
    return new Batch(running);
  }

  /** Runs each once. Gives what that took, in milliseconds. */
  async round(): Promise<number> {
    const startedMs = performance.now();
    for (const segment of this.#running) await runOnce(segment);
    return performance.now() - startedMs;
  }

  /** Ends them and tells what they took, in the order given. */
  async end(): Promise<readonly SegmentTime[]> {
    await Promise.all(this.#running.map(({ session }) => session.dispose()));
    const computeMs = steadyTimes(this.#running.map((segment) => segment.computeMs));
    const wallMs = steadyTimes(this.#running.map((segment) => segment.wallMs));
    return wallMs.map((wall, at) => ({ wallMs: wall, computeMs: computeMs[at] ?? Number.NaN }));
  }
}

async function runOnce({ session, inputs, ...times }: Running): Promise<void> {
  const startedMs = performance.now();
  const { computeMs, queueMs } = await session.run(inputs);
  times.wallMs.push(performance.now() - startedMs - queueMs);
  times.computeMs.push(computeMs);
}

/** Values as activations are: half zero, the others around 1. */
function activations(model: SegmentModel): TensorMap {
  return Object.fromEntries(
    model.inputs.map(({ name, shape, bytes }) => {
      const values = Float32Array.from({ length: bytes / 4 }, (_, index) => Math.max(0, Math.sin(index * 12.9898)));
      return [name, makeTensor(name, 'float32', shape, values)];
    }),
  );
}
