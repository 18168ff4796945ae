/** A column of a {@link table}. */
export interface Column {
  readonly title: string;
  /** Numbers stand to the right. Default `left`. */
  readonly align?: 'left' | 'right';
}

/** Lines up rows under their titles, for a person; ends with a line break. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map((column, index) => {
        const cell = cells[index] ?? '';
        const width = widths[index] ?? 0;
        return column.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return `${[line(columns.map((column) => column.title)), ...rows.map(line)].join('\n')}\n`;
}

/** Milliseconds with three significant digits, e.g. `1.23 ms`. */
export function formatMs(ms: number): string {
  return `${significant(ms)} ms`;
}

/** Bytes in the unit that reads best, powers of ten, e.g. `4.95 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${significant(bytes / 1e9)} GB`;
  if (bytes >= 1e6) return `${significant(bytes / 1e6)} MB`;
  if (bytes >= 1e3) return `${significant(bytes / 1e3)} kB`;
  return `${bytes} B`;
}

/** Floating-point operations in the unit that reads best, e.g. `0.35 GFLOP`. */
export function formatFlops(flops: number): string {
  return flops >= 1e8 ? `${significant(flops / 1e9)} GFLOP` : `${significant(flops / 1e6)} MFLOP`;
}

/** Three significant digits, without an exponent between 0.001 and a million. */
export function significant(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(1);
  if (size >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}
