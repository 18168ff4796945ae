import type { Static, TSchema } from 'typebox';
import { Check, Errors } from 'typebox/value';

/** Where and why a value does not fit a schema. */
export interface SchemaProblem {
  /** JSON pointer from the top of the value. */
  readonly place: string;
  readonly problem: string;
}

/** A value that fits, typed, or the first problem. */
export type Checked<Value> = { readonly value: Value } | SchemaProblem;

/**
 * A checker that generates no code, so it works under a strict Content-Security-Policy.
 *
 * @returns a function that gives the value itself, typed, or the first problem
 */
export function schemaCheck<Schema extends TSchema>(schema: Schema): (value: unknown) => Checked<Static<Schema>> {
  return (value) => {
    if (Check(schema, value)) return { value };
    const first = Errors(schema, value)[0];
    if (first === undefined) return { place: '/', problem: 'is not valid' };
    const problem = first.message === 'schema is false' ? 'is not a known property' : first.message;
    return { place: first.instancePath === '' ? '/' : first.instancePath, problem };
  };
}
