/** A half-open range of rows or columns. */
export interface Range {
  readonly begin: number;
  readonly end: number;
}

/** A rectangle of a feature map. */
export interface Region {
  readonly rows: Range;
  readonly columns: Range;
}

/** How an operator's window moves along one axis. */
export interface AxisWindow {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first element. */
  readonly padBegin: number;
}

/** What a range of outputs needs of the input, and the padding that belongs to it. */
export interface NeededRange extends Range {
  readonly padBegin: number;
  readonly padEnd: number;
}

/**
 * The part of an input axis that a range of the output reads (SPEC.md, V1, V2).
 *
 * @param size - elements of the whole input axis
 */
export function neededRange(window: AxisWindow, output: Range, size: number): NeededRange {
  const { kernel, stride, dilation, padBegin } = window;
  const first = output.begin * stride - padBegin;
  const end = (output.end - 1) * stride - padBegin + dilation * (kernel - 1) + 1;
  return {
    begin: Math.max(0, first),
    end: Math.min(size, end),
    padBegin: Math.max(0, -first),
    padEnd: Math.max(0, end - size),
  };
}

/** The smallest range that covers both. */
export function hull(a: Range, b: Range): Range {
  return { begin: Math.min(a.begin, b.begin), end: Math.max(a.end, b.end) };
}

/**
 * Cuts an axis into parts proportional to shares, each at least one element.
 *
 * @param shares - speeds of the nodes, say; equal ones for equal parts; no more of them than elements
 * @throws RangeError when there are more parts than elements, or a share is not above 0
 */
export function splitByShares(size: number, shares: readonly number[]): Range[] {
  if (shares.length > size) throw new RangeError(`Cannot cut ${size} elements into ${shares.length} parts`);
  if (!shares.every((share) => share > 0)) throw new RangeError(`Shares must be above 0, not ${shares.join(', ')}`);
  const total = shares.reduce((sum, share) => sum + share, 0);
  let begin = 0;
  let sum = 0;
  return shares.map((share, index) => {
    sum += share;
    const left = shares.length - 1 - index;
    const wanted = left === 0 ? size : Math.round((size * sum) / total);
    const end = Math.min(Math.max(wanted, begin + 1), size - left);
    const range = { begin, end };
    begin = end;
    return range;
  });
}

/** Elements of a region. */
export function area({ rows, columns }: Region): number {
  return (rows.end - rows.begin) * (columns.end - columns.begin);
}
