import type { Problem } from '@d3/partition';
import { parseProblem, verifyPlan } from '@d3/partition';
import { buildProblem, type LinkEstimate, type TierProfile, tierProfile } from '@d3/profile';
import { cliError } from '../errors.ts';
import { measureMachine } from '../model/measure-machine.ts';
import type { OpenModel } from '../model/open-model.ts';
import { readJson } from '../model/read-file.ts';
import { readProfile } from '../model/read-profile.ts';
import { wireBytesOf } from '../model/wire-bytes.ts';
import { constraintsOf, type GoalOptions, slowdownOf } from '../options/goal.ts';
import { LINK_PRESETS, type LinkOption, placeLinks } from '../options/link.ts';
import { type TierValue, tierIndex } from '../options/tier-value.ts';

/** The tiers of a plan unless a problem file names others. */
const TIERS = ['device', 'edge', 'cloud'];
const WIFI = LINK_PRESETS.wifi as LinkEstimate;
/** 50 Mbit/s, 10 ms. */
const UPSTREAM: LinkEstimate = { upBytesPerMs: 6250, downBytesPerMs: 6250, delayMs: 10 };

/** Options of `d3 plan` that make its problem. */
export interface ProblemOptions extends GoalOptions {
  readonly costs?: string;
  readonly link: readonly LinkOption[];
  /** Profile files, by tier. */
  readonly profile: readonly TierValue<string>[];
}

/** A problem, and where its costs are from. */
export interface SourcedProblem {
  readonly problem: Problem;
  readonly source: string;
  /** Factor by which each tier is slowed on purpose. */
  readonly slowdowns: readonly number[];
}

/**
 * The planning problem that the options describe: a problem file, or profile files and this machine's speed for the tiers that have
 * none; either way with links, slowdowns, objective and constraints over it.
 *
 * @throws D3Error `CLI_BAD_…`, `CLI_NOT_A_PLAN`, `PROFILE_FILE_…`, `CLI_PLAN_MISMATCH`, `PARTITION_PROBLEM_INVALID`
 */
export async function problemOf(model: OpenModel | undefined, options: ProblemOptions): Promise<SourcedProblem> {
  const base =
    options.costs === undefined
      ? await measuredProblem(model, options.profile)
      : await problemFile(options.costs, model, options.profile);
  const { tiers } = base.problem;
  for (const { tier } of options.slowdown) tierIndex('--slowdown', tier, tiers);
  const slowdowns = tiers.map((tier) => slowdownOf(options, tier));
  const name = model?.manifest.name ?? options.costs ?? '';
  return {
    source: base.source,
    slowdowns,
    problem: slowed(
      {
        ...base.problem,
        hops: placeLinks(tiers, base.problem.hops, options.link),
        objective: options.objective ?? base.problem.objective,
        constraints: constraintsOf(
          options,
          { name, layers: base.problem.layers },
          { tiers, given: base.problem.constraints },
        ),
      },
      slowdowns,
    ),
  };
}

async function measuredProblem(
  model: OpenModel | undefined,
  files: readonly TierValue<string>[],
): Promise<{ problem: Problem; source: string }> {
  if (model === undefined) {
    throw cliError('CLI_BAD_USAGE', {
      problem: 'There is no model to plan for',
      remedy: 'name an ONNX file or a packed folder, or a problem with --costs',
    });
  }
  const { profiles, source } = await profilesOf(files);
  const problem = buildProblem({
    graph: model.manifest,
    profiles,
    links: [WIFI, UPSTREAM],
    codedBytes: wireBytesOf(model.sidecar),
  });
  return {
    problem,
    source,
  };
}

/** Profiles that files say; of the tiers that no file is given for, this machine's. */
async function profilesOf(
  files: readonly TierValue<string>[],
): Promise<{ profiles: readonly TierProfile[]; source: string }> {
  const given = new Map<string, TierProfile>();
  for (const { tier, value } of files) {
    tierIndex('--profile', tier, TIERS);
    given.set(tier, tierProfile(tier, await readProfile(value)));
  }
  const rest = TIERS.filter((tier) => !given.has(tier));
  const here = rest.length === 0 ? undefined : (await measureMachine('quick')).stored;
  const profiles = TIERS.flatMap((tier) => given.get(tier) ?? (here === undefined ? [] : tierProfile(tier, here)));
  return { profiles, source: sourceOf(files, rest) };
}

function sourceOf(files: readonly TierValue<string>[], rest: readonly string[]): string {
  if (files.length === 0) {
    return 'Every tier is taken to be as fast as this machine (--profile, --slowdown and --costs say otherwise).';
  }
  const from = files.map(({ tier, value }) => `${tier} as ${value} says`).join(', ');
  return rest.length === 0 ? `Speeds: ${from}.` : `Speeds: ${from}; ${rest.join(' and ')} as this machine.`;
}

async function problemFile(
  path: string,
  model: OpenModel | undefined,
  profiles: readonly TierValue<string>[],
): Promise<{ problem: Problem; source: string }> {
  if (profiles.length > 0) {
    const problem = '--costs has the time of every layer, so that a --profile would say nothing';
    throw cliError('CLI_BAD_USAGE', { problem, remedy: 'give one of the two' });
  }
  const json = await readJson(path, 'a planning problem');
  const problem = parseProblem((json as { problem?: unknown } | null)?.problem ?? json);
  if (model !== undefined) checkFits(path, problem, model);
  return { problem, source: `Costs are those of ${path}.` };
}

function checkFits(path: string, problem: Problem, model: OpenModel): void {
  const { name, layers } = model.manifest;
  const details = { path, model: name };
  if (problem.layers.length !== layers.length) {
    const reason = `it has ${problem.layers.length} layers, the model ${layers.length}`;
    throw cliError('CLI_PLAN_MISMATCH', { ...details, reason });
  }
  layers.forEach((layer, index) => {
    const other = problem.layers[index]?.name ?? '';
    if (other === layer.name) return;
    const reason = `its layer ${index} is '${other}', the model's '${layer.name}'`;
    throw cliError('CLI_PLAN_MISMATCH', { ...details, reason });
  });
}

/** Costs times the factor of their tier. */
function slowed(problem: Problem, factors: readonly number[]): Problem {
  if (factors.every((factor) => factor === 1)) return problem;
  return {
    ...problem,
    tierFixedMs: problem.tierFixedMs.map((ms, tier) => ms * (factors[tier] ?? 1)),
    layers: problem.layers.map((layer) => ({
      ...layer,
      computeMs: layer.computeMs.map((ms, tier) => ms * (factors[tier] ?? 1)),
    })),
  };
}

/**
 * The assignment that a file of `d3 plan --json` chose, checked against the model.
 *
 * @throws D3Error `CLI_NOT_A_PLAN`, `CLI_PLAN_MISMATCH`, `PARTITION_…`
 */
export async function readPlan(
  path: string,
  model: OpenModel,
): Promise<{ tiers: readonly string[]; tierOf: readonly number[] }> {
  const expected = 'a plan';
  const json = await readJson(path, expected);
  const { problem: problemJson, strategies, chosen } = (json ?? {}) as Readonly<Record<string, unknown>>;
  if (problemJson === undefined || typeof chosen !== 'string') {
    throw cliError('CLI_NOT_A_PLAN', { path, expected, reason: 'it lacks problem or chosen' });
  }
  const problem = parseProblem(problemJson);
  checkFits(path, problem, model);
  const result = (strategies as Readonly<Record<string, { tierOf?: unknown }>> | undefined)?.[chosen];
  const tierOf = result?.tierOf;
  if (!Array.isArray(tierOf)) {
    throw cliError('CLI_NOT_A_PLAN', { path, expected, reason: `it has no plan of strategy '${chosen}'` });
  }
  verifyPlan(problem, tierOf);
  return { tiers: problem.tiers, tierOf };
}
