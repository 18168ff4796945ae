import type { OptimizationLevel } from '@d3/onnx';
import type { SplitCheck } from './check-split.ts';

/** Splits of one kind that were tried. */
export interface Tally {
  readonly tested: number;
  /** Of those, how many gave the whole's bits in every boundary tensor and every output. */
  readonly identical: number;
  /** Largest difference of an element in any of them; `null` in JSON where it is infinite. */
  readonly maxAbsDiff: number;
}

/** How far one set of outputs is from another. */
export interface Distance {
  readonly maxAbsDiff: number;
  /** In parts of the largest element. */
  readonly relative: number;
}

/** What verification found out about one model. */
export interface ModelVerdict {
  readonly model: string;
  readonly level: OptimizationLevel;
  readonly layers: number;
  /** The inputs that every split was run on. */
  readonly inputs: readonly string[];
  readonly cuts: Tally;
  readonly random: Tally;
  readonly tiles: Tally;
  /** The whole with every boundary tensor as an output, against the whole; and the cut at every layer at once. */
  readonly reference: Tally;
  /** The folded model against the file it was packed from; absent when only the packed model is there. */
  readonly original?: Distance;
  /** Against outputs that lie beside the model, as `MODEL.test/NAME/output_0.pb`. */
  readonly recorded?: Distance;
  /** Outputs do not vary with the input, so equal outputs would prove nothing. */
  readonly vacuous: boolean;
  /** Weights were replaced by seeded ones. */
  readonly randomWeights?: number;
  /** The first difference found. */
  readonly firstDifference?: string;
  readonly seconds: number;
  readonly lossless: boolean;
}

/** No split of this kind was tried. */
export const NOTHING_TESTED: Tally = { tested: 0, identical: 0, maxAbsDiff: 0 };

/** Counts checks. */
export function tallyOf(checks: readonly SplitCheck[]): Tally {
  return {
    tested: checks.length,
    identical: checks.filter((check) => check.identical).length,
    maxAbsDiff: checks.reduce((most, check) => Math.max(most, check.maxAbsDiff), 0),
  };
}

/** Whether every check of a tally held. */
export function allIdentical(tally: Tally): boolean {
  return tally.identical === tally.tested;
}
