import type { OnnxNode } from '../../proto/model.ts';
import type { ConstantValue } from '../constant-data.ts';

/** One operator on constants. */
export interface OperatorCall {
  readonly node: OnnxNode;
  /** Undefined where an optional input is left out. */
  readonly inputs: readonly (ConstantValue | undefined)[];
  /** A larger result is left to the runtime; what may be larger looks before it makes it. */
  readonly maxBytes: number;
}

/** Computes an operator exactly; undefined for a case that is left to the runtime. */
export type ExactOperator = (call: OperatorCall) => ConstantValue | undefined;

/** Whether these are axes of a tensor of this rank, each once. */
export function areAxes(axes: readonly number[], rank: number): boolean {
  return new Set(axes).size === axes.length && axes.every((axis) => axis >= 0 && axis < rank);
}

/** An axis from 0, for one that may count from the end. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
