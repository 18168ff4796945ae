import type { LayerGraph, Objective, Problem } from '@d3/partition';
import { graphFamilies, randomGraph } from './layer-graphs.ts';
import { Random } from './random.ts';
import { randomProblem } from './random-problem.ts';

/** A case of the corpus. */
export interface CorpusCase {
  readonly seed: number;
  readonly family: string;
  readonly problem: Problem;
  /** Tiers of the optimum: 1, 2 or 3. */
  readonly stratum: number;
}

/** What a corpus is drawn for. */
export interface CorpusOptions {
  readonly seed: number;
  readonly objective: Objective;
  readonly perStratum: number;
  readonly sizes: readonly [number, number];
  readonly memoryCaps?: boolean;
  /** Plans a problem; null when it has no plan. */
  readonly plan: (problem: Problem) => readonly number[] | null;
}

/** Each tier of an optimum has at least this share of the FLOPs, or the case is left out. */
const LEAST_SHARE = 0.1;
const MOST_DRAWS = 60;

/**
 * Random problems over three tiers, as many with an optimum of one tier as of two and of three: under uniform costs nearly
 * every optimum is a single tier, and a planner that never splits would look good. Splits come from tiers that are good at
 * different operator kinds at different depths, from coded boundaries and from caps; from pins in at most half the cases.
 */
export function stratifiedCorpus(options: CorpusOptions): CorpusCase[] {
  const strata = new Map<number, CorpusCase[]>([1, 2, 3].map((tiers) => [tiers, []]));
  const most = MOST_DRAWS * options.perStratum;
  for (let draw = 0; draw < most; draw++) {
    if ([...strata.values()].every((cases) => cases.length >= options.perStratum)) break;
    const seed = options.seed + draw;
    const random = new Random(seed);
    const family = graphFamilies[draw % graphFamilies.length] ?? 'chain';
    const graph = randomGraph(random, family, random.integer(...options.sizes));
    const problem = drawProblem(random, graph, options);
    const stratum = stratumOf(problem, options.plan(problem));
    const cases = strata.get(stratum);
    if (cases !== undefined && cases.length < options.perStratum) cases.push({ seed, family, problem, stratum });
  }
  return [...strata.values()].flat();
}

function drawProblem(random: Random, graph: LayerGraph, { objective, memoryCaps = false }: CorpusOptions): Problem {
  const constraints = random.chance(0.3) ? 0.5 : 0;
  const problem = randomProblem(random, graph, { tierCount: 3, objective, constraints, memoryCaps });
  return random.chance(0.75) ? staged(random, problem) : problem;
}

/** Makes each tier good at what comes at its depth: a third of the layers each, with exceptions. */
function staged(random: Random, problem: Problem): Problem {
  const count = problem.layers.length;
  const borders = [random.between(0.15, 0.45) * count, random.between(0.55, 0.85) * count];
  const contrast = random.magnitude(2, 12);
  const speeds = problem.tiers.map(() => random.magnitude(1e6, 4e6));
  const layers = problem.layers.map((layer, index) => {
    const best = random.chance(0.9) ? borders.filter((border) => index >= border).length : random.integer(0, 2);
    return {
      ...layer,
      computeMs: speeds.map(
        (speed, tier) => (layer.flops / speed) * (tier === best ? 1 : contrast * random.between(0.7, 1.4)),
      ),
    };
  });
  const hops = problem.hops.map((hop) => ({ ...hop, upBytesPerMs: hop.upBytesPerMs * random.magnitude(3, 100) }));
  return { ...problem, layers, hops };
}

function stratumOf(problem: Problem, tierOf: readonly number[] | null): number {
  if (tierOf === null) return 0;
  const flops = problem.tiers.map(() => 0);
  problem.layers.forEach((layer, index) => {
    const tier = tierOf[index] ?? 0;
    flops[tier] = (flops[tier] ?? 0) + layer.flops;
  });
  const total = flops.reduce((sum, value) => sum + value, 0);
  const used = flops.filter((_, tier) => tierOf.includes(tier));
  return used.every((value) => value >= LEAST_SHARE * total) ? used.length : 0;
}
