import type { PreparedGraph } from '../graph/prepare-graph.ts';
import { type LevelSums, levelCut, levelSums } from '../hpa/level-cut.ts';
import { type Levels, levelsOf } from '../hpa/levels.ts';
import { labelCosts } from '../labelling/label-costs.ts';
import { labelModelOf } from '../labelling/label-model.ts';
import { mergeHops } from '../objective/merge-hops.ts';
import type { Hop, Problem } from '../problem.ts';

/** What one property of a hop adds to costs, per unit: entries of sums over levels that are not 0. */
interface Part {
  readonly own: Entries;
  readonly cross: Entries;
  readonly unitsOf: (hop: Hop) => number;
  readonly hop: number;
}

interface Entries {
  readonly at: Int32Array;
  readonly value: Float64Array;
}

const unitsOf = {
  up: (hop: Hop) => 1 / hop.upBytesPerMs,
  down: (hop: Hop) => 1 / hop.downBytesPerMs,
  delay: (hop: Hop) => hop.delayMs,
} as const;

/**
 * The best cut between levels over some stations, again and again while only links change. Costs are linear in each hop's
 * delay and time per byte, so what they multiply is added up over levels once.
 */
export class LinkedCuts {
  readonly #stations: readonly number[];
  readonly #levels: Levels;
  readonly #layerCount: number;
  readonly #parts: readonly Part[];
  /** Without links. */
  readonly #own: Float64Array;
  readonly #sums: LevelSums;
  readonly #labelOf: Uint8Array;
  readonly #before: Uint8Array;

  constructor(
    problem: Problem,
    graph: PreparedGraph,
    { stations, masks }: { readonly stations: readonly number[]; readonly masks: Int32Array },
  ) {
    const model = labelModelOf(graph);
    this.#stations = stations;
    this.#layerCount = graph.layerCount;
    this.#levels = levelsOf(model);
    this.#labelOf = new Uint8Array(this.#levels.count);
    this.#before = new Uint8Array(this.#levels.count);
    const zeros = problem.tiers.map(() => 0);
    const sumsOf = (hop: number, kind: 'none' | keyof typeof unitsOf) => {
      const tier = stations[hop] ?? 0;
      const hops = problem.hops.map((_, at) => ({ upBytesPerMs: 1, downBytesPerMs: 1, delayMs: at === tier ? 1 : 0 }));
      const one = zeros.map((_, at) => (at === hop ? 1 : 0));
      const weights = {
        tier: kind === 'none' ? zeros.map(() => 1) : zeros,
        up: kind === 'up' ? one : zeros,
        down: kind === 'down' ? one : zeros,
        delay: kind === 'delay' ? 1 : 0,
      };
      const allowed = kind === 'none' ? masks : masks.map(() => -1);
      return levelSums(
        model,
        this.#levels,
        labelCosts({ ...problem, hops }, model, { stations, masks: allowed, weights }),
      );
    };
    this.#sums = sumsOf(0, 'none');
    this.#own = this.#sums.ownMs.slice();
    this.#parts = stations.slice(1).flatMap((_, hop) =>
      (['up', 'down', 'delay'] as const).map((kind) => {
        const { ownMs, crossMs } = sumsOf(hop, kind);
        return { own: entriesOf(ownMs), cross: entriesOf(crossMs), unitsOf: unitsOf[kind], hop };
      }),
    );
  }

  /** Finds the best cut under a problem's links. Returns what it costs. */
  best(problem: Problem): number {
    const { ownMs, crossMs } = this.#sums;
    ownMs.set(this.#own);
    const hops = mergeHops(problem.hops, this.#stations);
    for (const { own, cross, unitsOf, hop } of this.#parts) {
      const merged = hops[hop];
      if (merged === undefined) continue;
      const units = unitsOf(merged);
      for (let index = 0; index < own.at.length; index++) {
        const at = own.at[index] ?? 0;
        ownMs[at] = (ownMs[at] ?? 0) + units * (own.value[index] ?? 0);
      }
      for (let index = 0; index < cross.at.length; index++)
        crossMs[cross.at[index] ?? 0] = units * (cross.value[index] ?? 0);
    }
    this.#before.set(this.#labelOf);
    return levelCut(this.#sums, this.#labelOf);
  }

  /** Whether the cut found last is another than the one before. */
  isNew(): boolean {
    return this.#labelOf.some((label, level) => label !== this.#before[level]);
  }

  /** The assignment of the cut found last. */
  tierOf(): number[] {
    const tierOf = new Array<number>(this.#layerCount);
    const { levelOf } = this.#levels;
    for (let at = 0; at < tierOf.length; at++) tierOf[at] = this.#stations[this.#labelOf[levelOf[at] ?? 0] ?? 0] ?? 0;
    return tierOf;
  }
}

function entriesOf(values: Float64Array): Entries {
  const at = Int32Array.from(values.keys()).filter((index) => values[index] !== 0);
  return { at, value: Float64Array.from(at, (index) => values[index] ?? 0) };
}
