import type { InferInput, InferResult, Session } from '@d3/client';
import type { Manifest, PackedModel } from '@d3/onnx';
import type { Constraints } from '@d3/partition';
import { makeTensor } from '@d3/tensor';
import { median } from '../split/median.ts';
import { type Fabric, openFabric, slowdowns } from './end-to-end-fabric.ts';
import { type ShapedLink, shapedLinks } from './end-to-end-links.ts';
import { pinnedTo, predictedOf, type WantedPlan, wantedPlans } from './end-to-end-plans.ts';
import { randomSource } from './random-source.ts';

/** What is to be measured. */
export interface EndToEndOptions {
  readonly models: readonly PackedModel[];
  /** How many of the links, the first ones. */
  readonly links: number;
}

/** One plan of one network on one link. */
export interface EndToEndRow {
  readonly kind: 'end to end';
  readonly network: string;
  readonly link: string;
  readonly plan: string;
  readonly tiers: 1 | 2 | 3;
  /** What the live plan's report says after the warm-up; of several rounds the median. */
  readonly predictedMs: number;
  /** Median of the requests that followed. */
  readonly measuredMs: number;
  /** |predicted − measured| / measured: in each round of what was predicted then and of the requests that followed; the median. */
  readonly error: number;
  /** Where predicted and measured time go. */
  readonly predictedParts: Readonly<Record<string, unknown>>;
  readonly measuredParts: Readonly<Record<string, unknown>>;
  readonly slowdowns: typeof slowdowns;
  readonly pinned: boolean;
}

/** A plan that there cannot be. */
export interface ImpossibleRow {
  readonly kind: 'skipped';
  readonly network: string;
  readonly link: string;
  readonly plan: string;
  readonly reason: string;
}

/** What {@link measureEndToEnd} finds. */
export interface EndToEnd {
  readonly rows: readonly (EndToEndRow | ImpossibleRow)[];
  /** Of the rows' errors. */
  readonly medianError: number;
}

/** Requests on a plan before its prediction counts, in two parts: before and after all layers are pinned. */
const WARM_UPS = [2, 6] as const;
/** Each round begins with what is predicted then; so a machine that is slower for a while spoils one, not all. */
const ROUNDS = 3;
/** Requests of a round: as many as fit into a time, within bounds. */
const MEASURED = { atLeast: 3, atMost: 5, budgetMs: 400 };

/** Compares what live plans promise with what requests take, on a running fabric with slowed tiers and shaped links. */
export async function measureEndToEnd({ models, links }: EndToEndOptions): Promise<EndToEnd> {
  const fabric = await openFabric(models);
  const rows: (EndToEndRow | ImpossibleRow)[] = [];
  try {
    for (const { manifest } of models) {
      await fetchWeights(fabric, manifest);
      for (const link of shapedLinks.slice(0, links)) rows.push(...(await measureLink(fabric, manifest, link)));
    }
  } finally {
    await fabric.close();
  }
  return { rows, medianError: median(rows.flatMap((row) => (row.kind === 'end to end' ? [row.error] : []))) };
}

/** Has every tier get a network's weights while its link takes no time. */
async function fetchWeights(fabric: Fabric, { name }: Manifest): Promise<void> {
  fabric.shape(undefined);
  const session = await fabric.open({ model: name, constraints: {} });
  const tiers = ['device', 'edge', 'cloud'];
  try {
    for (const tier of tiers) await fetchTo(session, { unavailable: tiers.filter((other) => other !== tier) });
  } finally {
    await session.close();
  }
}

async function fetchTo(session: Session, constraints: Constraints): Promise<void> {
  try {
    await session.replan({ constraints });
  } catch (error) {
    if (!isInfeasible(error)) throw error;
  }
}

async function measureLink(
  fabric: Fabric,
  manifest: Manifest,
  link: ShapedLink,
): Promise<(EndToEndRow | ImpossibleRow)[]> {
  fabric.shape(link);
  const rows: (EndToEndRow | ImpossibleRow)[] = [];
  for (const wanted of wantedPlans(manifest)) {
    const row = { network: manifest.name, link: link.name };
    try {
      const session = await fabric.open({ model: manifest.name, constraints: wanted.constraints });
      const measured = await measurePlan(session, wanted).finally(() => session.close());
      rows.push({ kind: 'end to end', ...row, slowdowns, pinned: fabric.pinned, ...measured });
    } catch (error) {
      // A network may be too large for the device's memory, say.
      if (!isInfeasible(error)) throw error;
      rows.push({ kind: 'skipped', ...row, plan: wanted.name, reason: error.message });
    }
  }
  return rows;
}

type Measurement = Omit<EndToEndRow, 'kind' | 'network' | 'link' | 'slowdowns' | 'pinned'>;

async function measurePlan(session: Session, { name, tiers }: WantedPlan): Promise<Measurement> {
  const input = inputOf(session.manifest);
  await infer(session, input, WARM_UPS[0]);
  const constraints = pinnedTo(session.report);
  await session.replan({ constraints });
  await infer(session, input, WARM_UPS[1]);
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measureRound(session, { constraints, input }));
  const results = rounds.flatMap((round) => round.results);
  const last = rounds.at(-1);
  return {
    ...{ plan: name, tiers },
    predictedMs: median(rounds.map(({ predictedMs }) => predictedMs)),
    measuredMs: median(results.map(({ totalMs }) => totalMs)),
    error: median(rounds.map(errorOf)),
    predictedParts: last === undefined ? {} : last.predictedParts,
    measuredParts: partsOf(results),
  };
}

interface Round {
  readonly predictedMs: number;
  readonly predictedParts: Readonly<Record<string, unknown>>;
  readonly results: readonly InferResult[];
}

async function measureRound(
  session: Session,
  { constraints, input }: { readonly constraints: Constraints; readonly input: InferInput },
): Promise<Round> {
  const { latencyMs: predictedMs, parts: predictedParts } = predictedOf(await session.replan({ constraints }));
  const results: InferResult[] = [];
  const endsMs = performance.now() + MEASURED.budgetMs;
  while (results.length < MEASURED.atLeast || (results.length < MEASURED.atMost && performance.now() < endsMs)) {
    results.push(await session.infer(input));
  }
  return { predictedMs, predictedParts, results };
}

function errorOf({ predictedMs, results }: Round): number {
  const measuredMs = median(results.map(({ totalMs }) => totalMs));
  return Math.abs(predictedMs - measuredMs) / measuredMs;
}

async function infer(session: Session, input: InferInput, times: number): Promise<void> {
  for (let at = 0; at < times; at++) await session.infer(input);
}

/** Median of each number that results tell, by where it was. */
function partsOf(results: readonly InferResult[]): Readonly<Record<string, unknown>> {
  const [first] = results;
  const segments = first?.placement.map(({ tier, layers }, at) => ({
    tier,
    layers: layers.length,
    computeMs: median(results.map(({ placement }) => placement[at]?.computeMs ?? 0)),
    queueMs: median(results.map(({ placement }) => placement[at]?.queueMs ?? 0)),
  }));
  const hops = first?.hops.map(({ hop, bytesUp, bytesDown }, at) => ({
    ...{ hop, bytesUp, bytesDown },
    ms: median(results.map((result) => result.hops[at]?.ms ?? 0)),
  }));
  return { segments, hops };
}

function inputOf({ tensors }: Manifest): InferInput {
  const random = randomSource(3);
  const inputs = tensors.filter(({ isInput }) => isInput);
  const made = inputs.map(({ name, type, shape }) => {
    const values = Float32Array.from({ length: shape.reduce((size, side) => size * side, 1) }, random);
    return [name, makeTensor(name, type, shape, values)] as const;
  });
  return { kind: 'tensors', tensors: Object.fromEntries(made) };
}

function isInfeasible(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'CLIENT_PLAN_INFEASIBLE';
}
