import { isBitPacked, rawByteLength } from '../../proto/element-codes.ts';
import { intAttribute, intsAttribute, tensorAttribute } from '../attributes.ts';
import { type ConstantValue, countOf, intsOf } from '../constant-data.ts';
import { areAxes, axisOf, type ExactOperator, type OperatorCall } from './operator-call.ts';

/** Row-major strides of a shape, in elements. */
function stridesOf(shape: readonly number[]): readonly number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  return strides;
}

/**
 * A new constant whose element at an index is the source's at `start` + Σ index·stride: one loop for Transpose, Slice and Expand.
 */
function strided(
  source: ConstantValue,
  shape: readonly number[],
  from: { readonly start: number; readonly strides: readonly number[]; readonly maxBytes: number },
): ConstantValue | undefined {
  const width = rawByteLength(source.type, 1);
  const count = countOf(shape);
  if (count * width > from.maxBytes) return undefined;
  const data = new Uint8Array(count * width);
  const index = shape.map(() => 0);
  let at = from.start;
  for (let written = 0; written < count; written++) {
    for (let byte = 0; byte < width; byte++) data[written * width + byte] = source.data[at * width + byte] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += from.strides[axis] ?? 0;
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      at -= (shape[axis] ?? 0) * (from.strides[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return { type: source.type, shape, data };
}

const reshape: ExactOperator = ({ node, inputs: [source, target] }) => {
  const wanted = intsOf(target) ?? intsAttribute(node, 'shape');
  if (source === undefined || wanted === undefined) return undefined;
  const keepsZero = intAttribute(node, 'allowzero', 0) !== 0;
  const shape = wanted.map((size, axis) => (size === 0 && !keepsZero ? (source.shape[axis] ?? 0) : size));
  const known = shape.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  const count = countOf(source.shape);
  const full = shape.map((size) => (size === -1 ? count / known : size));
  return countOf(full) === count ? { ...source, shape: full } : undefined;
};

const flatten: ExactOperator = ({ node, inputs: [source] }) => {
  if (source === undefined) return undefined;
  const axis = axisOf(intAttribute(node, 'axis', 1), source.shape.length);
  return { ...source, shape: [countOf(source.shape.slice(0, axis)), countOf(source.shape.slice(axis))] };
};

function axesOf(call: OperatorCall, rank: number): readonly number[] | undefined {
  const axes = call.inputs[1] === undefined ? intsAttribute(call.node, 'axes') : intsOf(call.inputs[1]);
  return axes?.map((axis) => axisOf(axis, rank));
}

const squeeze: ExactOperator = (call) => {
  const [source] = call.inputs;
  if (source === undefined) return undefined;
  const axes = axesOf(call, source.shape.length);
  const shape = source.shape.filter((size, axis) => (axes === undefined ? size !== 1 : !axes.includes(axis)));
  return countOf(shape) === countOf(source.shape) ? { ...source, shape } : undefined;
};

const unsqueeze: ExactOperator = (call) => {
  const [source] = call.inputs;
  const count = (call.inputs[1] === undefined ? intsAttribute(call.node, 'axes') : intsOf(call.inputs[1]))?.length;
  if (source === undefined || count === undefined) return undefined;
  const axes = axesOf(call, source.shape.length + count) ?? [];
  if (!areAxes(axes, source.shape.length + count)) return undefined;
  const rest = [...source.shape];
  const shape = Array.from({ length: source.shape.length + count }, (_, axis) =>
    axes.includes(axis) ? 1 : (rest.shift() ?? 1),
  );
  return { ...source, shape };
};

const transpose: ExactOperator = ({ node, inputs: [source], maxBytes }) => {
  if (source === undefined) return undefined;
  const order = intsAttribute(node, 'perm') ?? source.shape.map((_, axis) => source.shape.length - 1 - axis);
  if (order.length !== source.shape.length || !areAxes(order, source.shape.length)) return undefined;
  const strides = stridesOf(source.shape);
  return strided(
    source,
    order.map((axis) => source.shape[axis] ?? 1),
    { start: 0, strides: order.map((axis) => strides[axis] ?? 0), maxBytes },
  );
};

/** The shape that two shapes broadcast to; undefined if they do not. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    shape.push(left === 1 ? right : left);
  }
  return shape;
}

/** A constant repeated to a shape that it broadcasts to; undefined if that takes more than `maxBytes`. */
export function broadcastTo(
  source: ConstantValue,
  shape: readonly number[],
  maxBytes: number,
): ConstantValue | undefined {
  if (countOf(shape) === countOf(source.shape)) return { ...source, shape };
  const own = stridesOf(source.shape);
  const skipped = shape.length - source.shape.length;
  const strides = shape.map((_, axis) => (source.shape[axis - skipped] === 1 ? 0 : (own[axis - skipped] ?? 0)));
  return strided(source, shape, { start: 0, strides, maxBytes });
}

const expand: ExactOperator = ({ inputs: [source, target], maxBytes }) => {
  const wanted = intsOf(target);
  const shape = source && wanted && broadcastShapes(source.shape, wanted);
  return source && shape && broadcastTo(source, shape, maxBytes);
};

const concat: ExactOperator = ({ node, inputs }) => {
  const [first] = inputs;
  const parts = inputs.filter((part) => part !== undefined);
  if (first === undefined || parts.length !== inputs.length) return undefined;
  const axis = axisOf(intAttribute(node, 'axis', 1), first.shape.length);
  if (!areAxes([axis], first.shape.length)) return undefined;
  const shape = first.shape.map((size, at) =>
    at === axis ? parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0) : size,
  );
  const rows = countOf(first.shape.slice(0, axis));
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.data.byteLength, 0));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const part of parts) {
      const bytes = part.data.byteLength / rows;
      data.set(part.data.subarray(row * bytes, (row + 1) * bytes), at);
      at += bytes;
    }
  }
  return { type: first.type, shape, data };
};

const gather: ExactOperator = ({ node, inputs: [source, indices], maxBytes }) => {
  const wanted = intsOf(indices);
  if (source === undefined || indices === undefined || wanted === undefined) return undefined;
  const axis = axisOf(intAttribute(node, 'axis', 0), source.shape.length);
  const size = source.shape[axis] ?? 0;
  const rows = countOf(source.shape.slice(0, axis));
  const chunk = countOf(source.shape.slice(axis + 1)) * rawByteLength(source.type, 1);
  const shape = [...source.shape.slice(0, axis), ...indices.shape, ...source.shape.slice(axis + 1)];
  if (rows * wanted.length * chunk > maxBytes) return undefined;
  if (wanted.some((index) => index >= size || index < -size)) return undefined;
  const data = new Uint8Array(rows * wanted.length * chunk);
  for (let row = 0; row < rows; row++) {
    wanted.forEach((index, at) => {
      const from = (row * size + axisOf(index, size)) * chunk;
      data.set(source.data.subarray(from, from + chunk), (row * wanted.length + at) * chunk);
    });
  }
  return { type: source.type, shape, data };
};

const slice: ExactOperator = (call) => {
  const { node, inputs } = call;
  const [source] = inputs;
  const starts = intsOf(inputs[1]) ?? intsAttribute(node, 'starts');
  const ends = intsOf(inputs[2]) ?? intsAttribute(node, 'ends');
  if (source === undefined || starts === undefined || ends === undefined) return undefined;
  const given = intsOf(inputs[3]) ?? intsAttribute(node, 'axes') ?? starts.map((_, at) => at);
  const axes = given.map((axis) => axisOf(axis, source.shape.length));
  if (!areAxes(axes, source.shape.length)) return undefined;
  const steps = intsOf(inputs[4]) ?? starts.map(() => 1);
  const shape = [...source.shape];
  const strides = [...stridesOf(source.shape)];
  let start = 0;
  for (const [at, axis] of axes.entries()) {
    const range = sliceRange(source.shape[axis] ?? 0, starts[at] ?? 0, { end: ends[at] ?? 0, step: steps[at] ?? 1 });
    if (range === undefined) return undefined;
    start += range.first * (strides[axis] ?? 0);
    shape[axis] = range.count;
    strides[axis] = (strides[axis] ?? 0) * (steps[at] ?? 1);
  }
  return strided(source, shape, { start, strides, maxBytes: call.maxBytes });
};

function sliceRange(
  size: number,
  start: number,
  to: { readonly end: number; readonly step: number },
): { readonly first: number; readonly count: number } | undefined {
  const { step } = to;
  if (step === 0) return undefined;
  const clamp = (value: number, low: number, high: number) => Math.min(Math.max(axisOf(value, size), low), high);
  const first = step > 0 ? clamp(start, 0, size) : clamp(start, 0, size - 1);
  const last = step > 0 ? clamp(to.end, 0, size) : clamp(to.end, -1, size - 1);
  return { first, count: Math.max(0, Math.ceil((last - first) / step)) };
}

const constantOfShape: ExactOperator = ({ node, inputs: [target], maxBytes }) => {
  const shape = intsOf(target);
  if (shape === undefined || shape.some((size) => size < 0)) return undefined;
  const value = tensorAttribute(node, 'value');
  const type = value?.type ?? 'float32';
  if (isBitPacked(type)) return undefined;
  const element = value?.data ?? new Uint8Array(4);
  const count = countOf(shape);
  if (count * element.byteLength > maxBytes) return undefined;
  const data = new Uint8Array(count * element.byteLength);
  if (element.some((byte) => byte !== 0)) fillRepeated(data, element);
  return { type, shape, data };
};

function fillRepeated(data: Uint8Array, element: Uint8Array): void {
  data.set(element.subarray(0, data.byteLength));
  for (let filled = element.byteLength; filled < data.byteLength; filled *= 2) {
    data.copyWithin(filled, 0, Math.min(filled, data.byteLength - filled));
  }
}

/** Operators that only move elements: exact for every type whose elements are whole bytes. */
export const MOVEMENT: Readonly<Record<string, ExactOperator>> = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Gather: gather,
  Slice: slice,
  ConstantOfShape: constantOfShape,
};
