import { elementTypeOf } from '../../proto/element-codes.ts';
import { intAttribute } from '../attributes.ts';
import { type ComputedType, type ConstantValue, constantOf, elementsOf, intsOf, isComputed } from '../constant-data.ts';
import { broadcastShapes, broadcastTo } from './movement.ts';
import type { ExactOperator } from './operator-call.ts';

const MAX_RANGE = 1 << 20;

/** One operation on two elements: on floats (rounded afterwards) and on integers. */
interface Pairwise {
  readonly float: (a: number, b: number) => number;
  readonly int: (a: bigint, b: bigint) => bigint;
}

/**
 * Elementwise on two constants of one type. Doubles rounded to float32 give what float32 arithmetic gives for + − × ÷ (double
 * rounding is harmless at 53 against 24 bits); integers wrap to their width.
 */
function pairwise(operation: Pairwise): ExactOperator {
  return ({ inputs: [a, b], maxBytes }) => {
    if (a === undefined || b === undefined || a.type !== b.type || !isComputed(a.type)) return undefined;
    const { type } = a;
    const pairs = pairsOf(a, b, maxBytes);
    if (pairs === undefined) return undefined;
    if (type === 'float32' || type === 'float64') {
      const values = pairs.values.map(([left, right]) => operation.float(Number(left), Number(right)));
      return constantOf(type, pairs.shape, values);
    }
    if (type !== 'int64' && type !== 'int32') return undefined;
    const bits = type === 'int64' ? 64 : 32;
    if (operation === DIVIDE && pairs.values.some(([, right]) => BigInt(right) === 0n)) return undefined;
    const values = pairs.values.map(([left, right]) => BigInt.asIntN(bits, operation.int(BigInt(left), BigInt(right))));
    return constantOf(type, pairs.shape, values);
  };
}

const DIVIDE: Pairwise = { float: (a, b) => a / b, int: (a, b) => a / b };

function pairsOf(a: ConstantValue, b: ConstantValue, maxBytes: number) {
  const shape = broadcastShapes(a.shape, b.shape);
  const left = shape && broadcastTo(a, shape, maxBytes);
  const right = shape && broadcastTo(b, shape, maxBytes);
  if (shape === undefined || left === undefined || right === undefined) return undefined;
  const others = elementsOf(right);
  return { shape, values: elementsOf(left).map((value, index) => [value, others[index] ?? 0] as const) };
}

function compare(holds: (a: number | bigint, b: number | bigint) => boolean): ExactOperator {
  return ({ inputs: [a, b], maxBytes }) => {
    if (a === undefined || b === undefined || a.type !== b.type || !isComputed(a.type)) return undefined;
    // The answer takes one byte for each pair of up to eight.
    const pairs = pairsOf(a, b, 8 * maxBytes);
    return (
      pairs &&
      constantOf(
        'bool',
        pairs.shape,
        pairs.values.map(([left, right]) => Number(holds(left, right))),
      )
    );
  };
}

const not: ExactOperator = ({ inputs: [a] }) =>
  a?.type === 'bool'
    ? constantOf(
        'bool',
        a.shape,
        elementsOf(a).map((value) => Number(value === 0)),
      )
    : undefined;

const negate: ExactOperator = ({ inputs: [a] }) => {
  if (a === undefined || (a.type !== 'int64' && a.type !== 'int32' && a.type !== 'float32')) return undefined;
  return constantOf(
    a.type,
    a.shape,
    elementsOf(a).map((value) => -value),
  );
};

function rounding(round: (value: number) => number): ExactOperator {
  return ({ inputs: [a] }) =>
    a?.type === 'float32' || a?.type === 'float64'
      ? constantOf(
          a.type,
          a.shape,
          elementsOf(a).map((value) => round(Number(value))),
        )
      : undefined;
}

const where: ExactOperator = ({ inputs: [condition, a, b], maxBytes }) => {
  if (condition === undefined || a === undefined || b === undefined || !isComputed(a.type)) return undefined;
  const both = broadcastShapes(a.shape, b.shape);
  const shape = both && broadcastShapes(both, condition.shape);
  const parts = shape && [condition, a, b].map((part) => broadcastTo(part, shape, maxBytes));
  const [flags, left, right] = parts?.map((part) => part && elementsOf(part)) ?? [];
  if (shape === undefined || flags === undefined || left === undefined || right === undefined) return undefined;
  return constantOf(
    a.type,
    shape,
    flags.map((flag, index) => (flag === 0 ? right[index] : left[index]) ?? 0),
  );
};

const INT_RANGES: Readonly<Partial<Record<ComputedType, readonly [number, number]>>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  int8: [-128, 127],
  uint8: [0, 255],
};

/** Cast where the standard leaves nothing open: a float that an integer type cannot hold stays with the runtime. */
const cast: ExactOperator = ({ node, inputs: [a] }) => {
  const to = elementTypeOf(intAttribute(node, 'to', 0));
  if (a === undefined || to === undefined || !isComputed(to)) return undefined;
  if (a.type === to) return a;
  if (!isComputed(a.type)) return undefined;
  const elements = elementsOf(a);
  if (to === 'float32' || to === 'float64') {
    const exact = elements.every((value) => typeof value === 'number' || Number.isSafeInteger(Number(value)));
    return exact ? constantOf(to, a.shape, elements.map(Number)) : undefined;
  }
  if (to === 'bool')
    return constantOf(
      to,
      a.shape,
      elements.map((value) => Number(Number(value) !== 0)),
    );
  const whole = elements.map((value) => (typeof value === 'bigint' ? value : Math.trunc(value)));
  const [low, high] = INT_RANGES[to] ?? [0, -1];
  if (a.type !== 'int64' || to !== 'int64') {
    if (whole.some((value) => !(Number(value) >= low && Number(value) <= high))) return undefined;
  }
  return constantOf(to, a.shape, whole);
};

const range: ExactOperator = ({ inputs: [start, limit, delta] }) => {
  const [first] = intsOf(start) ?? [];
  const [end] = intsOf(limit) ?? [];
  const [step] = intsOf(delta) ?? [];
  if (first === undefined || end === undefined || step === undefined || step === 0) return undefined;
  if (start?.type !== 'int64' && start?.type !== 'int32') return undefined;
  const count = Math.max(0, Math.ceil((end - first) / step));
  if (count > MAX_RANGE) return undefined;
  return constantOf(
    start.type,
    [count],
    Array.from({ length: count }, (_, index) => first + index * step),
  );
};

/** Operators whose result IEEE 754 or integer arithmetic defines to the bit. */
export const ARITHMETIC: Readonly<Record<string, ExactOperator>> = {
  Add: pairwise({ float: (a, b) => a + b, int: (a, b) => a + b }),
  Sub: pairwise({ float: (a, b) => a - b, int: (a, b) => a - b }),
  Mul: pairwise({ float: (a, b) => a * b, int: (a, b) => a * b }),
  Div: pairwise(DIVIDE),
  Neg: negate,
  Floor: rounding(Math.floor),
  Ceil: rounding(Math.ceil),
  Equal: compare((a, b) => a === b),
  Less: compare((a, b) => a < b),
  Greater: compare((a, b) => a > b),
  And: compare((a, b) => Number(a) !== 0 && Number(b) !== 0),
  Or: compare((a, b) => Number(a) !== 0 || Number(b) !== 0),
  Not: not,
  Where: where,
  Cast: cast,
  Range: range,
};
