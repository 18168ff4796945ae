import { existsSync, readFileSync } from 'node:fs';

/** What a run may be kept to by `--only`. */
export const parts = ['cpu', 'wasm', 'webgpu', 'end-to-end'] as const;

/** One of {@link parts}. */
export type Part = (typeof parts)[number];

/** A row of the report. */
export interface Row extends Readonly<Record<string, unknown>> {
  readonly part: Part;
}

/**
 * The parts to measure: those after each `--only`, or all.
 *
 * @throws RangeError for a part that there is not
 */
export function wantedParts(args: readonly string[]): readonly Part[] {
  const named = args.flatMap((arg, at) => (arg === '--only' ? [args[at + 1] ?? ''] : []));
  if (named.length === 0) return parts;
  return named.map((name) => {
    const part = parts.find((known) => known === name);
    if (part === undefined) throw new RangeError(`--only '${name}': give one of ${parts.join(', ')}`);
    return part;
  });
}

/** Rows of other parts, from the report of an earlier run. */
export function keptRows(reportPath: string, measured: readonly Part[]): readonly Row[] {
  if (!existsSync(reportPath)) return [];
  const { rows = [] } = JSON.parse(readFileSync(reportPath, 'utf8')) as { rows?: readonly Row[] };
  return rows.filter(({ part }) => parts.includes(part) && !measured.includes(part));
}
