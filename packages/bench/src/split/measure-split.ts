import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractSegment, type Manifest, type PackedModel } from '@d3/onnx';
import type { Backend, SegmentSession, SegmentSpec } from '@d3/runtime';
import { type AssembledWeights, assembleWeights, createNodeBackend } from '@d3/runtime/node';
import { makeTensor, type Tensor, type TensorMap } from '@d3/tensor';
import { median } from './median.ts';

/** A model, whole and in three segments. */
export interface SplitRow {
  readonly kind: 'split';
  readonly model: string;
  readonly layers: number;
  /** Layers of each segment. */
  readonly segments: readonly number[];
  readonly rounds: number;
  readonly wholeMs: number;
  readonly splitMs: number;
  /** splitMs less the allowance a segment, over wholeMs. */
  readonly splitOverWhole: number;
  /** Making a session of the whole, when another on the same weights lives. */
  readonly secondSessionMs: number;
  readonly firstSessionMs: number;
}

/** What dispatching one segment may cost before it counts as overhead. */
export const ALLOWANCE_MS = 0.1;

const SEGMENTS = 3;
const WARM_ROUNDS = 5;
const SECOND_SESSIONS = 7;

/**
 * Runs the whole and its three segments in turn, one worker thread each time, until `budgetMs` is spent.
 *
 * @throws Error when the split does not give the whole's bits: its time would mean nothing
 */
export async function measureSplit(
  packed: PackedModel,
  options: { readonly budgetMs: number; readonly minRounds: number },
): Promise<SplitRow> {
  const folder = await mkdtemp(join(tmpdir(), 'd3-bench-'));
  const backend = await createNodeBackend();
  try {
    const weights = await assembleWeights(packed.manifest, (id) => blobOf(packed, id), join(folder, 'weights.bin'));
    const subject = await prepareSubject(backend, packed, weights);
    return {
      ...(await race(packed.manifest, subject, options)),
      ...(await measureSecondSession(backend, packed, weights)),
    };
  } finally {
    await backend.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Subject {
  readonly whole: SegmentSession;
  readonly parts: readonly SegmentSession[];
  readonly partSpecs: readonly SegmentSpec[];
  readonly layers: readonly (readonly number[])[];
  readonly inputs: TensorMap;
}

async function prepareSubject(backend: Backend, packed: PackedModel, weights: AssembledWeights): Promise<Subject> {
  const { manifest } = packed;
  const layers = threeParts(manifest);
  const partSpecs = layers.map((part) => specOf(packed, weights, part));
  return {
    whole: await backend.prepare(specOf(packed, weights, allLayers(manifest))),
    parts: await Promise.all(partSpecs.map((spec) => backend.prepare(spec))),
    partSpecs,
    layers,
    inputs: noise(manifest),
  };
}

type Race = Omit<SplitRow, 'secondSessionMs' | 'firstSessionMs'>;

async function race(
  manifest: Manifest,
  subject: Subject,
  { budgetMs, minRounds }: { readonly budgetMs: number; readonly minRounds: number },
): Promise<Race> {
  const wholeTimes: number[] = [];
  const splitTimes: number[] = [];
  await checkEqual(manifest, subject);
  const endMs = performance.now() + budgetMs;
  for (let round = -WARM_ROUNDS; round < minRounds || performance.now() < endMs; round++) {
    // Either goes first in turn, so that neither always finds the caches as the other left them.
    const wholeFirst = round % 2 === 0;
    const before = wholeFirst ? await timed(() => runWhole(subject)) : undefined;
    const splitMs = await timed(() => runParts(subject));
    const wholeMs = before ?? (await timed(() => runWhole(subject)));
    if (round < 0) continue;
    wholeTimes.push(wholeMs);
    splitTimes.push(splitMs);
  }
  const wholeMs = median(wholeTimes);
  const splitMs = median(splitTimes);
  return {
    kind: 'split',
    model: manifest.name,
    layers: manifest.layers.length,
    segments: subject.layers.map((part) => part.length),
    rounds: wholeTimes.length,
    wholeMs,
    splitMs,
    splitOverWhole: (splitMs - ALLOWANCE_MS * SEGMENTS) / wholeMs,
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

async function runWhole({ whole, inputs }: Subject): Promise<TensorMap> {
  return (await whole.run(inputs)).outputs;
}

async function runParts({ parts, partSpecs, inputs }: Subject): Promise<TensorMap> {
  const known: Record<string, Tensor> = { ...inputs };
  for (const [index, part] of parts.entries()) {
    const needed: Record<string, Tensor> = {};
    for (const { name } of partSpecs[index]?.model.inputs ?? []) {
      const tensor = known[name];
      if (tensor !== undefined) needed[name] = tensor;
    }
    Object.assign(known, (await part.run(needed)).outputs);
  }
  return known;
}

async function checkEqual(manifest: Manifest, subject: Subject): Promise<void> {
  const [whole, split] = [await runWhole(subject), await runParts(subject)];
  for (const { name } of manifest.tensors.filter((tensor) => tensor.isOutput)) {
    const [a, b] = [whole[name], split[name]];
    if (a === undefined || b === undefined || Buffer.compare(a.bytes, b.bytes) !== 0) {
      throw new Error(`Output '${name}' of '${manifest.name}' in three segments differs from the whole's`);
    }
  }
}

/** Sessions are built and not run: a run's time is the network's, not the session's. */
async function measureSecondSession(
  backend: Backend,
  packed: PackedModel,
  weights: AssembledWeights,
): Promise<{ firstSessionMs: number; secondSessionMs: number }> {
  const spec = { ...specOf(packed, weights, allLayers(packed.manifest)), warm: false };
  const sessions: SegmentSession[] = [];
  const times: number[] = [];
  for (let count = 0; count <= SECOND_SESSIONS; count++) {
    times.push(await timed(async () => sessions.push(await backend.prepare(spec))));
  }
  await Promise.all(sessions.map((session) => session.dispose()));
  const [firstSessionMs = Number.NaN, ...second] = times;
  return { firstSessionMs, secondSessionMs: median(second) };
}

/** Layers in order, in three parts of about equal FLOPs. */
function threeParts(manifest: Manifest): number[][] {
  const parts: number[][] = [[], [], []];
  let flops = 0;
  manifest.layers.forEach((layer, index) => {
    const middle = flops + layer.flops / 2;
    parts[Math.min(SEGMENTS - 1, Math.floor((middle / manifest.totalFlops) * SEGMENTS))]?.push(index);
    flops += layer.flops;
  });
  if (parts.some((part) => part.length === 0)) throw new Error(`'${manifest.name}' has too few layers for three parts`);
  return parts;
}

function allLayers(manifest: Manifest): number[] {
  return manifest.layers.map((_, index) => index);
}

function specOf(packed: PackedModel, weights: AssembledWeights, layers: readonly number[]): SegmentSpec {
  const { manifest } = packed;
  const model = extractSegment(packed, layers, { locate: weights.locate });
  const id = `${manifest.name}[${layers[0]}…${layers.at(-1)}]`;
  return { id, model, level: manifest.level, weights: { kind: 'folder', path: weights.folder } };
}

function noise(manifest: Manifest): TensorMap {
  const inputs = manifest.tensors.filter((tensor) => tensor.isInput && tensor.type === 'float32');
  return Object.fromEntries(
    inputs.map(({ name, shape, bytes }) => {
      const values = Float32Array.from({ length: bytes / 4 }, (_, index) => Math.sin(index * 12.9898) * 100);
      return [name, makeTensor(name, 'float32', shape, values)];
    }),
  );
}

async function blobOf(packed: PackedModel, id: string): Promise<Uint8Array> {
  const blob = packed.weights.get(id);
  if (blob === undefined) throw new RangeError(`The packed model lacks weight ${id}`);
  return blob;
}
