import { cliError } from '../errors.ts';
import { parseSizeBytes } from './quantities.ts';

/** `TIER=VALUE` as it was parsed. */
export interface TierValue<Value> {
  readonly tier: string;
  readonly value: Value;
}

/**
 * `device=8` → tier `device`, factor 8.
 *
 * @throws D3Error `CLI_BAD_OPTION`
 */
export function parseSlowdown(text: string): TierValue<number> {
  const { tier, value } = splitTierValue('--slowdown', text, 'TIER=FACTOR, e.g. device=8');
  const factor = /^\d{1,6}(\.\d{1,6})?$/.test(value) ? Number(value) : Number.NaN;
  if (factor >= 1) return { tier, value: factor };
  throw cliError('CLI_BAD_OPTION', {
    option: '--slowdown',
    value: text,
    expected: 'TIER=FACTOR with a factor of at least 1, e.g. device=8',
  });
}

/**
 * `edge=64MB` → tier `edge`, 64 000 000 bytes; `edge=none` lifts the cap.
 *
 * @throws D3Error `CLI_BAD_OPTION`
 */
export function parseMemory(text: string): TierValue<number | null> {
  const expected = 'TIER=SIZE, e.g. edge=64MB, edge=64MiB or edge=none';
  const { tier, value } = splitTierValue('--memory', text, expected);
  if (value === 'none') return { tier, value: null };
  const bytes = parseSizeBytes(value);
  if (bytes === undefined) throw cliError('CLI_BAD_OPTION', { option: '--memory', value: text, expected });
  return { tier, value: bytes };
}

/**
 * `edge=edge.profile.json` → tier `edge`, that file.
 *
 * @throws D3Error `CLI_BAD_OPTION`
 */
export function parseProfileFile(text: string): TierValue<string> {
  return splitTierValue('--profile', text, 'TIER=FILE, e.g. edge=edge.profile.json');
}

/**
 * The index of a tier.
 *
 * @throws D3Error `CLI_BAD_TIER`
 */
export function tierIndex(option: string, tier: string, tiers: readonly string[]): number {
  const index = tiers.indexOf(tier);
  if (index >= 0) return index;
  throw cliError('CLI_BAD_TIER', { option, value: tier, tiers: tiers.join(', ') });
}

function splitTierValue(option: string, text: string, expected: string): TierValue<string> {
  const at = text.indexOf('=');
  if (at <= 0 || at === text.length - 1) throw cliError('CLI_BAD_OPTION', { option, value: text, expected });
  return { tier: text.slice(0, at), value: text.slice(at + 1) };
}
