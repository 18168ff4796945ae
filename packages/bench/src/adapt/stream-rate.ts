import type { InferInput, InferResult, Session } from '@d3/client';
import type { Manifest, PackedModel } from '@d3/onnx';
import { type Constraints, isPlan, type PlanReport } from '@d3/partition';
import { makeTensor } from '@d3/tensor';
import { loadNetwork } from '../profile/networks.ts';
import { randomSource } from '../profile/random-source.ts';
import { median } from '../split/median.ts';
import { openStreamBed, type TierSlowdowns } from './stream-bed.ts';

/** What of a stream, or of a frame alone, one tier did. */
export interface StageRow {
  readonly tier: string;
  readonly layers: number;
  /** Median of frames that ran alone. */
  readonly aloneMs: number;
  /** Median of the stream's frames. */
  readonly streamedMs: number;
  /** What the plan says. */
  readonly predictedMs: number;
}

/** A stream under one plan. */
export interface StreamRow {
  readonly kind: 'stream';
  readonly network: string;
  readonly slowdowns: TierSlowdowns;
  /** `pipelined`: over all tiers. Else the tier that alone is available. */
  readonly plan: string;
  /** `constraints`: the planner left a tier out, so the first layer was pinned to the device and the last to the cloud. */
  readonly tiersBy: 'planner' | 'constraints';
  readonly stages: readonly StageRow[];
  /** Median time of each hop for a frame alone, both ways, and bytes up. */
  readonly hops: readonly { readonly hop: string; readonly aloneMs: number; readonly bytesUp: number }[];
  readonly frames: number;
  readonly failed: number;
  readonly seconds: number;
  readonly framesPerSecond: number;
  /** 1 / slowest stage, stages timed alone. */
  readonly limitPerSecond: number;
  readonly rateOverLimit: number;
  /** 1 / slowest stage, as the plan that was live at the start of the stream says. */
  readonly predictedPerSecond: number;
  /** Plans that went live while it ran. */
  readonly switches: number;
  /** Real computing of all tiers while it ran, in cores. */
  readonly computeCores: number;
}

/** A pipelined stream against the best single tier. */
export interface StreamGainRow {
  readonly kind: 'stream gain';
  readonly network: string;
  readonly tiers: number;
  readonly bestSingle: string;
  readonly gain: number;
  /** By the pipelined plan's own report. */
  readonly predictedGain: number;
  readonly gainOverPredicted: number;
}

/** What {@link measureStreamRate} found. */
export interface StreamRates {
  readonly rows: readonly (StreamRow | StreamGainRow)[];
  /** Rate of the pipelined stream over 1 / slowest stage; the least over the networks. */
  readonly streamOverLimit: number;
  /** Gain over the best single tier, over what was predicted; of the network where it is furthest from 1. */
  readonly gainOverPredicted: number;
}

/** What to measure; the short run by default. */
export interface StreamRateOptions {
  /** Three networks, and every single tier, instead of one and the best. */
  readonly full?: boolean;
  readonly networks?: readonly string[];
  readonly slowdowns?: TierSlowdowns;
  /** How long the pipelined stream is measured; half of it for single tiers. */
  readonly streamMs?: number;
}

/** Alone the tiers take 8 : 4 : 3, so that all three are worth having; together they compute on a fifth of a core. */
const SLOWDOWNS: TierSlowdowns = { device: 32, edge: 16, cloud: 12 };
const STREAM_MS = 8_000;
const NETWORKS = ['squeezenet', 'sketch-resnet', 'resnet18'] as const;
/** Frames that run alone before a stream, and after it: what the machine is like may change meanwhile. */
const ALONE = 7;
const WARM_UPS = 3;
/** Different inputs that frames take turns with. */
const INPUTS = 4;

/**
 * Measures streams over three tiers, an edge and a cloud in processes of their own, all slowed by stated factors: the rate against
 * that of the slowest stage, and the gain over the best single tier against what the plan promised.
 *
 * @throws Error where none of the networks is there
 */
export async function measureStreamRate(options: StreamRateOptions = {}): Promise<StreamRates> {
  const { full = false, slowdowns = SLOWDOWNS, streamMs = STREAM_MS } = options;
  const models = await loadModels(options.networks ?? NETWORKS, full || options.networks !== undefined);
  const bed = await openStreamBed(models, slowdowns);
  const rows: (StreamRow | StreamGainRow)[] = [];
  try {
    for (const { manifest } of models) {
      const session = await bed.open(manifest.name);
      try {
        rows.push(...(await measureNetwork(session, { full, slowdowns, streamMs })));
      } finally {
        await session.close();
      }
    }
  } finally {
    await bed.close();
  }
  const ratios = rows.flatMap((row) => (row.kind === 'stream' && row.plan === 'pipelined' ? row.rateOverLimit : []));
  const gains = rows.flatMap((row) => (row.kind === 'stream gain' ? row.gainOverPredicted : []));
  const furthest = gains.toSorted((a, b) => Math.abs(Math.log(b)) - Math.abs(Math.log(a)));
  return { rows, streamOverLimit: Math.min(...ratios), gainOverPredicted: furthest[0] ?? Number.NaN };
}

async function loadModels(names: readonly string[], all: boolean): Promise<readonly PackedModel[]> {
  const models: PackedModel[] = [];
  for (const name of names) {
    const model = await loadNetwork(name);
    if (model !== undefined) models.push(model);
    if (models.length > 0 && !all) break;
  }
  if (models.length === 0)
    throw new Error(`None of ${names.join(', ')} is there; set D3_MODELS to a folder that has one`);
  return models;
}

type Settings = Required<Pick<StreamRateOptions, 'full' | 'slowdowns' | 'streamMs'>>;

async function measureNetwork(session: Session, settings: Settings): Promise<(StreamRow | StreamGainRow)[]> {
  const { full, streamMs } = settings;
  const pipelined = await measurePlan(session, { ...settings, plan: 'pipelined', constraints: {} });
  const promised = pipelined.report;
  const tiers = promised.problem.tiers.map((tier) => ({ tier, ms: slowestOf(promised, `${tier}-only`) }));
  const byTime = tiers.toSorted((a, b) => a.ms - b.ms);
  const singles: StreamRow[] = [];
  for (const { tier } of full ? byTime : byTime.slice(0, 1)) {
    const constraints = { unavailable: promised.problem.tiers.filter((other) => other !== tier) };
    const how = { ...settings, streamMs: streamMs / 2, plan: tier, constraints };
    singles.push((await measurePlan(session, how)).row);
  }
  const [best] = singles.toSorted((a, b) => b.framesPerSecond - a.framesPerSecond);
  const gain = pipelined.row.framesPerSecond / (best?.framesPerSecond ?? Number.NaN);
  const predictedGain = (byTime[0]?.ms ?? Number.NaN) / slowestOf(promised, promised.chosen);
  const gainRow: StreamGainRow = {
    kind: 'stream gain',
    network: session.manifest.name,
    tiers: pipelined.row.stages.length,
    bestSingle: best?.plan ?? '',
    ...{ gain, predictedGain, gainOverPredicted: gain / predictedGain },
  };
  return [pipelined.row, ...singles, gainRow];
}

interface PlanSettings extends Settings {
  readonly plan: string;
  readonly constraints: Constraints;
}

async function measurePlan(
  session: Session,
  { plan, constraints, streamMs, slowdowns }: PlanSettings,
): Promise<{ readonly row: StreamRow; readonly report: PlanReport }> {
  const inputs = inputsOf(session.manifest);
  await session.replan({ objective: 'throughput', constraints });
  await inferAlone(session, inputs, WARM_UPS);
  // What the first frames taught is in the plan that counts.
  const { report, tiersBy } = await finalPlan(session, constraints);
  await inferAlone(session, inputs, WARM_UPS);
  const before = await inferAlone(session, inputs, ALONE);
  const { results, seconds, failed, switches } = await runStream(session, inputs, streamMs);
  const alone = [...before, ...(await inferAlone(session, inputs, switches === 0 ? ALONE : 0))];
  const stages = stagesOf(report, alone, results);
  const limitPerSecond = 1000 / Math.max(...stages.map(({ aloneMs }) => aloneMs));
  const framesPerSecond = results.length / seconds;
  const ownMs = results.flatMap(({ placement }) => placement.map(({ computeMs, slowdown }) => computeMs / slowdown));
  const row: StreamRow = {
    ...{ kind: 'stream', network: session.manifest.name, slowdowns, plan, tiersBy, stages, hops: hopsOf(alone) },
    ...{ frames: results.length, failed, seconds, framesPerSecond, limitPerSecond },
    rateOverLimit: framesPerSecond / limitPerSecond,
    predictedPerSecond: 1000 / slowestOf(report, report.chosen),
    switches,
    computeCores: ownMs.reduce((sum, ms) => sum + ms, 0) / (seconds * 1000),
  };
  return { row, report };
}

/** The plan that is measured: over all tiers that are available, by pinning the ends if the planner would leave one out. */
async function finalPlan(
  session: Session,
  constraints: Constraints,
): Promise<Pick<StreamRow, 'tiersBy'> & { report: PlanReport }> {
  const objective = 'throughput' as const;
  const report = await session.replan({ objective, constraints });
  const { tiers } = report.problem;
  const plan = report.strategies[report.chosen];
  const used = plan !== undefined && isPlan(plan) ? new Set(plan.tierOf).size : 0;
  if (used === tiers.length - (constraints.unavailable?.length ?? 0)) return { report, tiersBy: 'planner' };
  const { layers } = session.manifest;
  const pin = { [layers[0]?.name ?? '']: tiers[0] ?? '', [layers.at(-1)?.name ?? '']: tiers.at(-1) ?? '' };
  await session.replan({ objective, constraints: { pin } });
  await inferAlone(session, inputsOf(session.manifest), WARM_UPS);
  return { report: await session.replan({ objective, constraints: { pin } }), tiersBy: 'constraints' };
}

async function inferAlone(session: Session, inputs: readonly InferInput[], count: number): Promise<InferResult[]> {
  const results: InferResult[] = [];
  for (let at = 0; at < count; at++) results.push(await session.infer(frameOf(inputs, at)));
  return results;
}

/** Streams for so long; what came while the pipeline filled does not count. */
async function runStream(session: Session, inputs: readonly InferInput[], streamMs: number) {
  let switches = 0;
  const unwatch = session.on('plan', () => {
    switches += 1;
  });
  const results: InferResult[] = [];
  let failed = 0;
  let startedMs: number | undefined;
  let endedMs = 0;
  function* frames(): Generator<InferInput> {
    for (let at = 0; ; at++) yield frameOf(inputs, at);
  }
  try {
    for await (const { index, result } of session.stream(frames(), { objective: 'keep' })) {
      endedMs = performance.now();
      if (index < inputs.length) continue;
      if (startedMs === undefined) {
        // The moment that a frame is done is where the first interval begins.
        startedMs = endedMs;
        continue;
      }
      if (result === undefined) failed += 1;
      else results.push(result);
      if (endedMs - startedMs >= streamMs) break;
    }
  } finally {
    unwatch();
  }
  return { results, failed, switches, seconds: (endedMs - (startedMs ?? endedMs)) / 1000 };
}

function stagesOf(report: PlanReport, alone: readonly InferResult[], streamed: readonly InferResult[]): StageRow[] {
  const { problem, strategies, chosen } = report;
  const plan = strategies[chosen];
  const [first] = alone;
  return (first?.placement ?? []).map(({ tier, layers }) => {
    const computeMs = (results: readonly InferResult[]) =>
      median(results.flatMap(({ placement }) => placement.find((entry) => entry.tier === tier)?.computeMs ?? []));
    const index = problem.tiers.indexOf(tier);
    const predicted = plan !== undefined && isPlan(plan) ? (plan.breakdown.computeMs[index] ?? 0) : Number.NaN;
    const predictedMs = predicted + (problem.tierFixedMs[index] ?? 0);
    return { tier, layers: layers.length, aloneMs: computeMs(alone), streamedMs: computeMs(streamed), predictedMs };
  });
}

function hopsOf(alone: readonly InferResult[]): StreamRow['hops'] {
  const [first] = alone;
  return (first?.hops ?? []).map(({ hop, bytesUp }, at) => {
    return { hop, aloneMs: median(alone.map(({ hops }) => hops[at]?.ms ?? 0)), bytesUp };
  });
}

function slowestOf({ strategies }: PlanReport, name: string): number {
  const plan = strategies[name];
  return plan !== undefined && isPlan(plan) ? plan.slowestStageMs : Number.POSITIVE_INFINITY;
}

function frameOf(inputs: readonly InferInput[], at: number): InferInput {
  const input = inputs[at % inputs.length];
  if (input === undefined) throw new Error('A stream needs an input');
  return input;
}

function inputsOf({ tensors }: Manifest): readonly InferInput[] {
  return Array.from({ length: INPUTS }, (_, seed) => {
    const random = randomSource(seed + 1);
    const made = tensors
      .filter(({ isInput }) => isInput)
      .map(({ name, type, shape }) => {
        const values = Float32Array.from({ length: shape.reduce((size, side) => size * side, 1) }, random);
        return [name, makeTensor(name, type, shape, values)] as const;
      });
    return { kind: 'tensors', tensors: Object.fromEntries(made) };
  });
}
