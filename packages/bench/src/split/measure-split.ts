import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractSegment, type Manifest, type PackedModel } from '@d3/onnx';
import { segmentsOf } from '@d3/partition';
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
  /** Time in the backend: the runtime's call, its inputs and outputs. */
  readonly wholeMs: number;
  /** The same of the three segments together. */
  readonly splitMs: number;
  /** 1 + what a split takes longer than the whole of its round, less the allowance a segment, in parts of wholeMs; a median. */
  readonly splitOverWhole: number;
  /** From the call to the result of one segment, less the time in the backend: two changes of thread and a copy of the inputs. */
  readonly handoffMs: number;
  /** As `splitOverWhole`, from the first call to the last result, with every handoff. */
  readonly splitOverWholeWithHandoff: number;
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

/** One run of something: in the backend, and from call to result. */
interface Lap {
  readonly computeMs: number;
  readonly wallMs: number;
}

async function race(
  manifest: Manifest,
  subject: Subject,
  { budgetMs, minRounds }: { readonly budgetMs: number; readonly minRounds: number },
): Promise<Race> {
  const wholes: Lap[] = [];
  const splits: Lap[] = [];
  await checkEqual(manifest, subject);
  const endMs = performance.now() + budgetMs;
  for (let round = -WARM_ROUNDS; round < minRounds || performance.now() < endMs; round++) {
    // Either goes first in turn, so that neither always finds the caches as the other left them.
    const before = round % 2 === 0 ? await lap(() => runWhole(subject)) : undefined;
    const split = await lap(() => runParts(subject));
    const whole = before ?? (await lap(() => runWhole(subject)));
    if (round < 0) continue;
    wholes.push(whole);
    splits.push(split);
  }
  const [wholeMs, wholeWallMs] = mediansOf(wholes);
  const [splitMs] = mediansOf(splits);
  return {
    kind: 'split',
    model: manifest.name,
    layers: manifest.layers.length,
    segments: subject.layers.map((part) => part.length),
    rounds: wholes.length,
    wholeMs,
    splitMs,
    splitOverWhole: 1 + excessMs(wholes, splits, 'computeMs') / wholeMs,
    handoffMs: median(splits.map(({ wallMs, computeMs }) => (wallMs - computeMs) / SEGMENTS)),
    splitOverWholeWithHandoff: 1 + excessMs(wholes, splits, 'wallMs') / wholeWallMs,
  };
}

/** Median, over the rounds, of what the split took longer than the whole beside it, less the allowance: drift hits both alike. */
function excessMs(wholes: readonly Lap[], splits: readonly Lap[], time: keyof Lap): number {
  return (
    median(splits.map((split, round) => split[time] - (wholes[round]?.[time] ?? Number.NaN))) - ALLOWANCE_MS * SEGMENTS
  );
}

async function lap(work: () => Promise<Run>): Promise<Lap> {
  const startedMs = performance.now();
  const { computeMs } = await work();
  return { computeMs, wallMs: performance.now() - startedMs };
}

function mediansOf(laps: readonly Lap[]): [computeMs: number, wallMs: number] {
  return [median(laps.map(({ computeMs }) => computeMs)), median(laps.map(({ wallMs }) => wallMs))];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** Outputs, and the time in the backend. */
interface Run {
  readonly outputs: TensorMap;
  readonly computeMs: number;
}

async function runWhole({ whole, inputs }: Subject): Promise<Run> {
  return await whole.run(inputs);
}

async function runParts({ parts, partSpecs, inputs }: Subject): Promise<Run> {
  const known: Record<string, Tensor> = { ...inputs };
  let computeMs = 0;
  for (const [index, part] of parts.entries()) {
    const needed: Record<string, Tensor> = {};
    for (const { name } of partSpecs[index]?.model.inputs ?? []) {
      const tensor = known[name];
      if (tensor !== undefined) needed[name] = tensor;
    }
    const run = await part.run(needed);
    Object.assign(known, run.outputs);
    computeMs += run.computeMs;
  }
  return { outputs: known, computeMs };
}

async function checkEqual(manifest: Manifest, subject: Subject): Promise<void> {
  const [whole, split] = [(await runWhole(subject)).outputs, (await runParts(subject)).outputs];
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

/**
 * Layers in order, in three parts: cut where least crosses within a tenth of the FLOPs around each third, as a planner would. What a
 * large boundary costs is a matter of bytes, and measured with the frames.
 */
function threeParts(manifest: Manifest): number[][] {
  const count = manifest.layers.length;
  const [first = 1, second = 2] = [1 / 3, 2 / 3].map((share) => cheapestCut(manifest, share));
  if (!(first < second)) throw new Error(`'${manifest.name}' has too few layers for three parts`);
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  return [range(0, first), range(first, second), range(second, count)];
}

/** The place, as the first layer after the cut, where least crosses among those within a tenth of the FLOPs around `share`. */
function cheapestCut(manifest: Manifest, share: number): number {
  const bytesOf = new Map(manifest.tensors.map(({ name, bytes }) => [name, bytes]));
  let best = { place: 0, bytes: Number.POSITIVE_INFINITY };
  let flops = 0;
  manifest.layers.forEach((layer, index) => {
    flops += layer.flops;
    const place = index + 1;
    if (Math.abs(flops / manifest.totalFlops - share) > 0.1 || place === manifest.layers.length) return;
    const tierOf = manifest.layers.map((_, other) => (other < place ? 0 : 1));
    const [boundary = []] = segmentsOf(manifest, tierOf, 2).boundaries;
    const bytes = boundary.reduce((sum, name) => sum + (bytesOf.get(name) ?? 0), 0);
    if (bytes < best.bytes) best = { place, bytes };
  });
  return best.place;
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
