import type { OnnxNode } from '../../proto/model.ts';
import type { ConstantValue } from '../constant-data.ts';

/** One operator on constants. */
export interface OperatorCall {
  readonly node: OnnxNode;
  /** Undefined where an optional input is left out. */
  readonly inputs: readonly (ConstantValue | undefined)[];
}

/** Computes an operator exactly; undefined for a case that is left to the runtime. */
export type ExactOperator = (call: OperatorCall) => ConstantValue | undefined;

/** An axis from 0, for one that may count from the end. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
