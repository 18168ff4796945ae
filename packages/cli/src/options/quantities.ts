import { cliError } from '../errors.ts';

/** Bytes per millisecond of one unit of a rate. */
const RATE_UNITS: Readonly<Record<string, number>> = { kbit: 0.125, mbit: 125, gbit: 125_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};
const TIME_UNITS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3 };

/** `20mbit` → 2500 bytes per millisecond; undefined if it is no rate above 0. */
export function parseRate(text: string): number | undefined {
  const rate = quantity(text.replace(/(\/s|ps)$/i, ''), RATE_UNITS);
  return rate !== undefined && rate > 0 ? rate : undefined;
}

/** `5ms` → 5; undefined if it is no duration. */
export function parseDurationMs(text: string): number | undefined {
  return quantity(text, TIME_UNITS);
}

/** `64MB` → 64 000 000; undefined if it is no size. */
export function parseSizeBytes(text: string): number | undefined {
  const bytes = quantity(text, SIZE_UNITS);
  return bytes === undefined ? undefined : Math.floor(bytes);
}

/**
 * An integer within limits.
 *
 * @throws D3Error `CLI_BAD_OPTION`
 */
export function parseInteger(option: string, text: string, limits: { min: number; max?: number }): number {
  const { min, max = Number.MAX_SAFE_INTEGER } = limits;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  const upTo = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`;
  throw cliError('CLI_BAD_OPTION', { option, value: text, expected: `a whole number, at least ${min}${upTo}` });
}

function quantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,9})?)\s*([a-z]+)$/i.exec(text.trim());
  const name = (match?.[2] ?? '').toLowerCase();
  const unit = Object.hasOwn(units, name) ? units[name] : undefined;
  if (match === null || unit === undefined) return undefined;
  return Number(match[1]) * unit;
}
