import type { LinkEstimate } from '@d3/profile';
import { cliError } from '../errors.ts';
import { parseDurationMs, parseRate } from './quantities.ts';

/** `--link HOP=…` as it was parsed. */
export interface LinkOption {
  /** Names of its two ends, e.g. `device-edge`. */
  readonly hop: string;
  readonly link: LinkEstimate;
}

const EXPECTED =
  'HOP=RATE,DELAY, e.g. device-edge=20mbit,5ms, with its own rate down as 20mbit:100mbit, or a preset as device-edge=wifi';

const MBIT = 125;

/**
 * Named links. The uplinks of 3g, 4g and wifi are those of DADS (INFOCOM 2019), Table I; everything else is ours.
 */
export const LINK_PRESETS: Readonly<Record<string, LinkEstimate>> = {
  '3g': { upBytesPerMs: 1.1 * MBIT, downBytesPerMs: 5 * MBIT, delayMs: 50 },
  '4g': { upBytesPerMs: 5.85 * MBIT, downBytesPerMs: 20 * MBIT, delayMs: 25 },
  wifi: { upBytesPerMs: 18.88 * MBIT, downBytesPerMs: 18.88 * MBIT, delayMs: 3 },
  '5g': { upBytesPerMs: 60 * MBIT, downBytesPerMs: 300 * MBIT, delayMs: 10 },
  fibre: { upBytesPerMs: 300 * MBIT, downBytesPerMs: 300 * MBIT, delayMs: 5 },
  lan: { upBytesPerMs: 940 * MBIT, downBytesPerMs: 940 * MBIT, delayMs: 0.5 },
};

/**
 * `device-edge=20mbit,5ms` → a link of 2500 bytes per millisecond each way and 5 ms one way.
 *
 * @throws D3Error `CLI_BAD_OPTION`
 */
export function parseLink(text: string): LinkOption {
  const at = text.indexOf('=');
  const hop = text.slice(0, Math.max(0, at));
  const preset = text.slice(at + 1).toLowerCase();
  const link = Object.hasOwn(LINK_PRESETS, preset) ? LINK_PRESETS[preset] : parseRateAndDelay(text.slice(at + 1));
  if (hop === '' || link === undefined) {
    const presets = Object.keys(LINK_PRESETS).join(', ');
    throw cliError('CLI_BAD_OPTION', { option: '--link', value: text, expected: `${EXPECTED} (presets: ${presets})` });
  }
  return { hop, link };
}

/**
 * The links between `tiers`, with those of `options` in their places.
 *
 * @throws D3Error `CLI_BAD_LINK` for a link between tiers that are no neighbours
 */
export function placeLinks(
  tiers: readonly string[],
  links: readonly LinkEstimate[],
  options: readonly LinkOption[],
): LinkEstimate[] {
  const names = tiers.slice(1).map((tier, index) => `${tiers[index]}-${tier}`);
  const placed = [...links];
  for (const { hop, link } of options) {
    const index = names.indexOf(hop);
    if (index < 0) throw cliError('CLI_BAD_LINK', { value: hop, links: names.join(', ') });
    placed[index] = link;
  }
  return placed;
}

function parseRateAndDelay(text: string): LinkEstimate | undefined {
  const [rates = '', delay = '0ms', ...rest] = text.split(',');
  const [up = '', down = up, ...more] = rates.split(':');
  const upBytesPerMs = parseRate(up);
  const downBytesPerMs = parseRate(down);
  const delayMs = parseDurationMs(delay);
  if (rest.length > 0 || more.length > 0) return undefined;
  if (upBytesPerMs === undefined || downBytesPerMs === undefined || delayMs === undefined) return undefined;
  return { upBytesPerMs, downBytesPerMs, delayMs };
}
