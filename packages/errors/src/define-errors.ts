import { D3Error } from './d3-error.ts';

/** One row of a package's error table. */
export interface ErrorSpec {
  /** The text, naming value, place and remedy; `{name}` is replaced by `details.name`. */
  readonly message: string;
  /** HTTP status a server answers with. */
  readonly status: number;
  /** Whether the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
}

/** A package's codes: upper-case words, the first of them the package's name. */
export type ErrorTable = Readonly<Record<string, ErrorSpec>>;

type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;

/** The details that a code needs: a value for each placeholder of its text, more if helpful. */
export type Details<Spec extends ErrorSpec> = Readonly<
  Record<Placeholders<Spec['message']>, string | number | boolean>
> &
  Readonly<Record<string, unknown>>;

/** Makes (does not throw) the error of a code. */
export type ErrorFactory<Table extends ErrorTable> = <Code extends keyof Table & string>(
  code: Code,
  details: Details<Table[Code]>,
  options?: { readonly cause?: unknown },
) => D3Error;

/**
 * Turns a package's table into its error factory.
 *
 * @example
 * ```ts
 * export const toyErrorTable = {
 *   TOY_BROKEN: { message: "Toy '{toy}' is broken: bring glue", status: 400, retryable: false },
 * } as const;
 * const toyError: ErrorFactory<typeof toyErrorTable> = defineErrors(toyErrorTable);
 * throw toyError('TOY_BROKEN', { toy: 'duck' });
 * ```
 */
export function defineErrors<const Table extends ErrorTable>(table: Table): ErrorFactory<Table> {
  return (code, details, options) => {
    const spec = table[code];
    if (spec === undefined) throw new TypeError(`No error code '${code}' in this table`);
    const message = spec.message.replace(/\{(\w+)\}/g, (_, name: string) =>
      String((details as Readonly<Record<string, unknown>>)[name]),
    );
    return new D3Error(code, message, {
      status: spec.status,
      retryable: spec.retryable,
      details,
      cause: options?.cause,
    });
  };
}
