import type { PackedModel } from '@d3/onnx';
import type { Assignment } from '@d3/partition';
import type { Backend, SegmentSpec, Sidecar } from '@d3/runtime';
import type { TensorMap } from '@d3/tensor';
import { type StagedModel, stageModel } from '../model/staged-model.ts';
import { prefixCuts, randomAssignments } from './assignments.ts';
import { checkSplit, type Reference, type SplitCheck } from './check-split.ts';
import { runOnLanes } from './lanes.ts';
import { distanceOf, furthest, type GivenInput, type References, runAll, runReferences } from './references.ts';
import { allIdentical, type Distance, type ModelVerdict, NOTHING_TESTED, type Tally, tallyOf } from './verdict.ts';

/** A model to verify, and what is known of it. */
export interface VerifySubject {
  readonly packed: PackedModel;
  readonly sidecar?: Sidecar | undefined;
  /** The file that it was packed from, as a whole segment. */
  readonly original?: SegmentSpec | undefined;
  readonly given: readonly GivenInput[];
  readonly randomWeights?: number | undefined;
}

/** How thoroughly. */
export interface VerifyOptions {
  /** Prefixes of the layer order to cut after. */
  readonly cuts: 'all' | number;
  /** Random three-way assignments. */
  readonly random: number;
  /** Of noise and assignments. */
  readonly seed: number;
  /** Backends to spread the work over, each with one worker. */
  readonly lanes: readonly [Backend, ...Backend[]];
  /** Told after each split. */
  readonly onProgress?: (fraction: number) => void;
}

/**
 * Judges whether a model may be split without changing a bit: runs the whole, then splits of it, on the same inputs, and compares
 * every boundary tensor and every output bit for bit. The README says what the reference is and why.
 *
 * Does not dispose the lanes.
 *
 * @throws D3Error what `@d3/onnx` and the backend throw
 */
export async function verifyModel(subject: VerifySubject, options: VerifyOptions): Promise<ModelVerdict> {
  const startedMs = performance.now();
  const staged = await stageModel(subject.packed);
  try {
    const findings = await judge(staged, subject, options);
    return { ...findings, seconds: (performance.now() - startedMs) / 1000 };
  } finally {
    await staged.dispose();
  }
}

async function judge(
  staged: StagedModel,
  subject: VerifySubject,
  options: VerifyOptions,
): Promise<Omit<ModelVerdict, 'seconds'>> {
  const { manifest } = subject.packed;
  const { lanes, seed } = options;
  const whole = staged.segment(manifest.layers.map((_, index) => index));
  const references = await runReferences(whole, manifest, {
    backend: lanes[0],
    seed,
    given: subject.given,
    ...(subject.sidecar === undefined ? {} : { sidecar: subject.sidecar.inputs }),
  });
  const splits = references.vary ? await runSplits(staged, references, options) : NO_SPLITS;
  const { cuts, random, reference } = splits;
  return {
    model: manifest.name,
    level: manifest.level,
    layers: manifest.layers.length,
    inputs: references.all.map(({ label }) => label),
    cuts,
    random,
    tiles: NOTHING_TESTED,
    reference,
    ...(await distances(subject, references, lanes[0])),
    vacuous: !references.vary,
    ...(subject.randomWeights === undefined ? {} : { randomWeights: subject.randomWeights }),
    ...(splits.firstDifference === undefined ? {} : { firstDifference: splits.firstDifference }),
    lossless: references.vary && [cuts, random, reference].every(allIdentical),
  };
}

interface Splits {
  readonly cuts: Tally;
  readonly random: Tally;
  readonly reference: Tally;
  readonly firstDifference?: string | undefined;
}

const NO_SPLITS: Splits = { cuts: NOTHING_TESTED, random: NOTHING_TESTED, reference: NOTHING_TESTED };

/** A split to try, and how to call it. */
interface Trial {
  readonly kind: 'every layer' | 'cut' | 'random';
  readonly label: string;
  readonly tierOf: Assignment;
}

async function runSplits(staged: StagedModel, references: References, options: VerifyOptions): Promise<Splits> {
  const { manifest } = staged.packed;
  const trials = trialsOf(staged, options);
  let done = 0;
  const checks = await runOnLanes(options.lanes, trials, async (backend, trial) => {
    const open = (layers: readonly number[]) => backend.prepare(staged.segment(layers));
    const check = await checkSplit(manifest, trial.tierOf, { open, references: references.all });
    options.onProgress?.(++done / trials.length);
    return check;
  });
  const of = (kind: Trial['kind']) => checks.filter((_, index) => trials[index]?.kind === kind);
  return {
    cuts: tallyOf(of('cut')),
    random: tallyOf(of('random')),
    reference: tallyOf([references.taps, ...of('every layer')]),
    firstDifference: firstDifference(references.taps, trials, checks),
  };
}

function trialsOf({ packed: { manifest } }: StagedModel, { cuts, random, seed }: VerifyOptions): Trial[] {
  const { layers } = manifest;
  const everyLayer = layers.map((_, index) => index);
  const name = (index: number) => layers[index]?.name ?? '';
  return [
    { kind: 'every layer', label: 'cut at every layer', tierOf: everyLayer },
    ...prefixCuts(layers.length, cuts).map((tierOf): Trial => {
      const first = tierOf.indexOf(1);
      return { kind: 'cut', label: `cut before layer ${first} '${name(first)}'`, tierOf };
    }),
    ...randomAssignments(manifest, { count: random, seed }).map(
      (tierOf, index): Trial => ({ kind: 'random', label: `random assignment ${index} [${tierOf.join('')}]`, tierOf }),
    ),
  ];
}

function firstDifference(
  taps: SplitCheck,
  trials: readonly Trial[],
  checks: readonly SplitCheck[],
): string | undefined {
  if (!taps.identical) return `whole with boundary tensors as outputs: ${taps.where}`;
  const index = checks.findIndex((check) => !check.identical);
  return index < 0 ? undefined : `${trials[index]?.label}: ${checks[index]?.where}`;
}

/** How far the folded whole is from its origin, and from outputs that were recorded. */
async function distances(
  subject: VerifySubject,
  references: References,
  backend: Backend,
): Promise<{ original?: Distance; recorded?: Distance }> {
  const outputs = subject.packed.manifest.tensors.filter((tensor) => tensor.isOutput).map(({ name }) => name);
  const outputsOf = ({ values }: Reference): TensorMap =>
    Object.fromEntries(outputs.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
  const recorded = subject.given.flatMap(({ label, outputs: expected }) => {
    const reference = references.all.find((candidate) => candidate.label === label);
    return expected === undefined || reference === undefined ? [] : [distanceOf(outputsOf(reference), expected)];
  });
  const { original } = subject;
  if (original === undefined) return recorded.length > 0 ? { recorded: furthest(recorded) } : {};
  const runs = await runAll(
    backend,
    original,
    references.all.map(({ inputs }) => inputs),
  );
  const apart = references.all.map((reference, index) => distanceOf(outputsOf(reference), runs[index] ?? {}));
  return { original: furthest(apart), ...(recorded.length > 0 ? { recorded: furthest(recorded) } : {}) };
}
