import { extractSegment, type PackedModel, type SegmentModel, type WeightLocation } from '@d3/onnx';
import type { Backend, SegmentSession, SegmentSpec, SegmentWeights } from '@d3/runtime';
import { makeTensor, type TensorMap } from '@d3/tensor';

/** A packed model, and where this machine's backend finds its weights. */
export interface TimedModel {
  readonly packed: Pick<PackedModel, 'manifest' | 'graph'>;
  locate(weight: { readonly id: string }): WeightLocation;
  weightsOf(model: SegmentModel): SegmentWeights;
}

/** What a segment took: the medians over its runs. */
export interface SegmentTime {
  readonly computeMs: number;
  /** From the call to its result, less the wait for a worker. */
  readonly wallMs: number;
}

/** Segments that are kept ready at once hold so much of weights. */
const BATCH_BYTES = 300e6;
const LEAST_ROUNDS = 3;

interface Running {
  readonly session: SegmentSession;
  readonly inputs: TensorMap;
  readonly computeMs: number[];
  readonly wallMs: number[];
}

/**
 * Times every segment, in rounds over all of them as far as they fit into memory together, so that drift of the machine's speed hits
 * them alike; a segment thus never runs twice in a row, as it would not in use.
 */
export async function timeSegments(
  backend: Backend,
  model: TimedModel,
  { segments, budgetMs }: { readonly segments: readonly (readonly number[])[]; readonly budgetMs: number },
): Promise<SegmentTime[]> {
  const specs = segments.map((layers) => specOf(model, layers));
  const batches = batchesOf(specs);
  const times: SegmentTime[] = [];
  for (const batch of batches) {
    times.push(...(await timeBatch(backend, batch, (budgetMs * batch.length) / specs.length)));
  }
  return times;
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

async function timeBatch(backend: Backend, specs: readonly SegmentSpec[], budgetMs: number): Promise<SegmentTime[]> {
  const running: Running[] = [];
  for (const spec of specs) {
    const session = await backend.prepare(spec);
    running.push({ session, inputs: activations(spec.model), computeMs: [], wallMs: [] });
  }
  const endMs = performance.now() + budgetMs;
  for (let round = 0; round < LEAST_ROUNDS || performance.now() < endMs; round++) {
    for (const segment of running) await runOnce(segment);
  }
  await Promise.all(running.map(({ session }) => session.dispose()));
  return running.map(({ computeMs, wallMs }) => ({ computeMs: middle(computeMs), wallMs: middle(wallMs) }));
}

async function runOnce({ session, inputs, ...times }: Running): Promise<void> {
  const startedMs = performance.now();
  const { computeMs, queueMs } = await session.run(inputs);
  times.wallMs.push(performance.now() - startedMs - queueMs);
  times.computeMs.push(computeMs);
}

function middle(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
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
