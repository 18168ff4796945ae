/**
 * A place in parsed JSON from outside, read strictly and with the place in every error. For headers that come with every
 * request, where a general schema check costs more than all the rest of a small frame.
 */
export class JsonField {
  readonly #value: unknown;
  readonly #place: string;
  readonly #refusal: (place: string, problem: string) => Error;

  /** @param refusal - makes the error of a place (a JSON pointer) and a problem */
  constructor(value: unknown, place: string, refusal: (place: string, problem: string) => Error) {
    this.#value = value;
    this.#place = place;
    this.#refusal = refusal;
  }

  /** Whether the property is not there. */
  get absent(): boolean {
    return this.#value === undefined;
  }

  /** What lies there, unchecked. */
  get value(): unknown {
    return this.#value;
  }

  /** The error, not thrown, that this place does not hold what it should. */
  refuse(problem: string): Error {
    return this.#refusal(this.#place === '' ? '/' : this.#place, problem);
  }

  /** Requires an object without any other property than these. */
  keys(known: readonly string[]): void {
    for (const key of Object.keys(this.#object())) {
      if (!known.includes(key)) throw this.at(key.slice(0, 64)).refuse('is not a known property');
    }
  }

  /** A property, possibly absent. */
  at(key: string): JsonField {
    const object = this.#object();
    return new JsonField(Object.hasOwn(object, key) ? object[key] : undefined, `${this.#place}/${key}`, this.#refusal);
  }

  /** An array of at most `max` values, unchecked. */
  array(max: number): readonly unknown[] {
    if (!Array.isArray(this.#value)) throw this.refuse('must be an array');
    if (this.#value.length > max) throw this.refuse(`has ${this.#value.length} items, more than ${max}`);
    return this.#value;
  }

  /** The places of an array of at most `max` items. */
  items(max: number): JsonField[] {
    return this.array(max).map((item, index) => new JsonField(item, `${this.#place}/${index}`, this.#refusal));
  }

  /** An integer of 0 … `max`. */
  count(max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#value;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
    throw this.refuse(`must be an integer from 0 to ${max}`);
  }

  /** A finite number of 0 … `max`. */
  number(max: number = Number.MAX_VALUE): number {
    if (typeof this.#value === 'number' && this.#value >= 0 && this.#value <= max) return this.#value;
    throw this.refuse(`must be a number of at least 0${max === Number.MAX_VALUE ? '' : ` and at most ${max}`}`);
  }

  /** A string of at most 512 UTF-16 units. */
  text(): string {
    if (typeof this.#value === 'string' && this.#value.length <= 512) return this.#value;
    throw this.refuse('must be a string of at most 512 characters');
  }

  /** True or false; `fallback` where the property is not there. */
  flag(fallback: boolean): boolean {
    if (this.absent) return fallback;
    if (typeof this.#value === 'boolean') return this.#value;
    throw this.refuse('must be true or false');
  }

  #object(): Readonly<Record<string, unknown>> {
    if (typeof this.#value !== 'object' || this.#value === null || Array.isArray(this.#value)) {
      throw this.refuse('must be an object');
    }
    return this.#value as Readonly<Record<string, unknown>>;
  }
}
