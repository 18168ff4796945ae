import { termsOf } from '../cost/features.ts';
import { profileError } from '../errors.ts';
import type { FittedProfile } from '../fit/fit-profile.ts';
import type { KindTerms, TierProfile } from '../tier-profile.ts';

/** Version of the format that {@link encodeProfile} writes; another is measured again, not read. */
export const PROFILE_FORMAT = 2;
/** Longest text that {@link parseProfile} looks at, in UTF-16 units. */
export const MAX_PROFILE_LENGTH: number = 1 << 16;

/** What a profile was measured on. Profiles of different keys say nothing of each other. */
export interface ProfileKey {
  /** Machine, e.g. processor and its count; a browser adds its user agent. */
  readonly hardware: string;
  /** E.g. `cpu`, `wasm`, `webgpu`. */
  readonly backend: string;
  /** Kind and version of what computes, or a hash that stands for it, as a backend's numeric class does. */
  readonly runtime: string;
}

/** A measured profile, unslowed, and what it was measured on. */
export interface StoredProfile extends FittedProfile {
  readonly key: ProfileKey;
  readonly concurrency: number;
  /** Milliseconds since 1970. */
  readonly measuredAtMs: number;
}

/** One string for a key: a cache's, once hashed. Another format is another key. */
export function profileKey({ hardware, backend, runtime }: ProfileKey): string {
  return JSON.stringify([PROFILE_FORMAT, hardware, backend, runtime]);
}

/** A tier's profile as it was measured, slowed by nothing. */
export function tierProfile(tier: string, stored: StoredProfile): TierProfile {
  const { key, gflops, fixedMs, handoffMs, concurrency, terms } = stored;
  return { tier, backend: key.backend, gflops, fixedMs, handoffMs, concurrency, slowdown: 1, terms };
}

/** The text of a profile file. */
export function encodeProfile(stored: StoredProfile): string {
  const { key, measuredAtMs, concurrency, gflops, fixedMs, handoffMs, terms } = stored;
  const file = { format: PROFILE_FORMAT, key, measuredAtMs, concurrency, gflops, fixedMs, handoffMs, terms };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * Reads a profile file. What it returns can be planned with: every number is finite and within what machines can be.
 *
 * @param text - trusted in nothing
 * @param expected - refuses a profile that was measured on anything else; without it any machine's will do
 * @throws D3Error `PROFILE_FILE_MALFORMED` (truncated, say), `PROFILE_FILE_VERSION`, `PROFILE_FILE_FOREIGN`, `PROFILE_FILE_ABSURD`
 */
export function parseProfile(text: string, expected?: ProfileKey): StoredProfile {
  if (text.length > MAX_PROFILE_LENGTH) {
    throw malformed('/', `is longer than ${MAX_PROFILE_LENGTH} characters`);
  }
  const file = asRecord(parseJson(text), '/');
  if (file.format !== PROFILE_FORMAT) {
    throw profileError('PROFILE_FILE_VERSION', { actual: String(file.format), supported: PROFILE_FORMAT });
  }
  const key = parseKey(file.key);
  if (expected !== undefined) checkKey(key, expected);
  const stored = {
    key,
    measuredAtMs: within(file, 'measuredAtMs', [0, 1e14]),
    concurrency: within(file, 'concurrency', [1, 1 << 20]),
    gflops: within(file, 'gflops', [1e-4, 1e6]),
    fixedMs: within(file, 'fixedMs', [0, 1e4]),
    handoffMs: within(file, 'handoffMs', [0, typeof file.fixedMs === 'number' ? file.fixedMs : 0]),
    terms: parseTerms(file.terms),
  };
  if (Object.keys(stored.terms).length === 0) throw malformed('/terms', 'names no kind of layer');
  return stored;
}

const MAX_KINDS = 64;
const TERM_NAMES = ['constantMs', 'msPerFlop', 'msPerInputByte', 'msPerOutputByte', 'msPerWeightByte'] as const;
/**
 * The slowest that is believed: ten seconds a layer, 100 FLOPs a millisecond, 10 bytes a millisecond. A GPU made of software comes within
 * a hundredth of that, and what a backend measured must be read on the next visit.
 */
const MOST = { constantMs: 1e4, msPerFlop: 1e-2, msPerInputByte: 0.1, msPerOutputByte: 0.1, msPerWeightByte: 0.1 };

function parseTerms(value: unknown): Readonly<Record<string, KindTerms>> {
  const kinds = Object.entries(asRecord(value, '/terms'));
  if (kinds.length > MAX_KINDS) throw malformed('/terms', `has ${kinds.length} kinds and ${MAX_KINDS} are allowed`);
  return Object.fromEntries(
    kinds.map(([kind, terms]) => {
      const of = asRecord(terms, `/terms/${kind.slice(0, 64)}`);
      return [kind, termsOf(TERM_NAMES.map((name) => within(of, name, [0, MOST[name]], ` of ${kind.slice(0, 64)}`)))];
    }),
  );
}

function parseKey(value: unknown): ProfileKey {
  const key = asRecord(value, '/key');
  const text = (name: keyof ProfileKey): string => {
    const part = key[name];
    if (typeof part !== 'string' || part === '' || part.length > 4096) throw malformed(`/key/${name}`, 'is no name');
    return part;
  };
  return { hardware: text('hardware'), backend: text('backend'), runtime: text('runtime') };
}

function checkKey(actual: ProfileKey, expected: ProfileKey): void {
  for (const part of ['backend', 'runtime', 'hardware'] as const) {
    if (actual[part] === expected[part]) continue;
    throw profileError('PROFILE_FILE_FOREIGN', { part, actual: actual[part], expected: expected[part] });
  }
}

function within(
  record: Record<string, unknown>,
  name: string,
  [least, most]: readonly [number, number],
  of = '',
): number {
  const value = record[name];
  if (typeof value !== 'number') throw malformed(`/${name}${of}`, 'is no number');
  if (value >= least && value <= most) return value;
  throw profileError('PROFILE_FILE_ABSURD', { quantity: `${name}${of}`, value, least, most });
}

function asRecord(value: unknown, place: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw malformed(place, 'is no object');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed('/', 'is not JSON', cause);
  }
}

function malformed(place: string, problem: string, cause?: unknown): Error {
  return profileError('PROFILE_FILE_MALFORMED', { place, problem }, { cause });
}
