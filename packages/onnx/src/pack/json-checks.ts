import { onnxError } from '../errors.ts';

/** A parsed JSON value with the place it came from, for errors. */
export interface Placed {
  readonly value: unknown;
  readonly place: string;
}

/** What a model may be called: nothing that is a path, as dots alone would be. */
export const MODEL_NAME: RegExp = /^(?!\.+$)[a-z0-9._-]+$/;
/** Longest name of anything in a manifest. */
const MAX_NAME_CHARACTERS = 4096;

/** The error for a value that does not fit. */
export function misfit(place: string, reason: string): Error {
  return onnxError('ONNX_PACK_INVALID', { place, reason });
}

/** A field of an object; the object itself is checked by this too. */
export function field(of: Placed, key: string): Placed {
  if (typeof of.value !== 'object' || of.value === null || Array.isArray(of.value)) {
    throw misfit(of.place, 'an object belongs here');
  }
  const value: unknown = Object.hasOwn(of.value, key) ? (of.value as Record<string, unknown>)[key] : undefined;
  return { value, place: of.place === '' ? key : `${of.place}.${key}` };
}

/** A list of at most `limit` items, each parsed. */
export function listOf<T>(of: Placed, limit: number, parse: (item: Placed) => T): readonly T[] {
  if (!Array.isArray(of.value)) throw misfit(of.place, 'a list belongs here');
  if (of.value.length > limit) throw misfit(of.place, `${of.value.length} items are more than ${limit}`);
  return of.value.map((value: unknown, index) => parse({ value, place: `${of.place}[${index}]` }));
}

/** A text, of bounded length. */
export function text(of: Placed): string {
  if (typeof of.value !== 'string') throw misfit(of.place, 'a text belongs here');
  if (of.value.length > MAX_NAME_CHARACTERS) throw misfit(of.place, 'the text is too long');
  return of.value;
}

/** A text that matches a pattern. */
export function matching(of: Placed, pattern: RegExp): string {
  const value = text(of);
  if (!pattern.test(value)) throw misfit(of.place, `'${value.slice(0, 80)}' does not match ${pattern}`);
  return value;
}

/** One of a few texts. */
export function oneOf<T extends string>(of: Placed, values: readonly T[]): T {
  const found = values.find((value) => value === of.value);
  if (found === undefined) throw misfit(of.place, `one of ${values.join(', ')} belongs here`);
  return found;
}

/** A whole number from 0 up. */
export function count(of: Placed): number {
  if (!Number.isSafeInteger(of.value) || Number(of.value) < 0)
    throw misfit(of.place, 'a whole number ≥ 0 belongs here');
  return Number(of.value);
}

/** A whole number from 1 up. */
export function positive(of: Placed): number {
  const value = count(of);
  if (value === 0) throw misfit(of.place, 'a whole number ≥ 1 belongs here');
  return value;
}

/** true or false. */
export function flag(of: Placed): boolean {
  if (typeof of.value !== 'boolean') throw misfit(of.place, 'true or false belongs here');
  return of.value;
}
