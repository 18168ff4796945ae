import type { LinkShape } from '@d3/testkit';

/** A link both ways. */
export interface ShapedLink {
  readonly name: string;
  readonly up: LinkShape;
  readonly down: LinkShape;
}

const BYTES_PER_MS_AND_MBPS = 125;

/** The presets that `d3 plan` has: uplinks of 4G and Wi-Fi are DADS's (INFOCOM 2019, Table I), everything else is ours. */
export const shapedLinks: readonly ShapedLink[] = [
  linkOf('wifi', { upMbps: 18.88, downMbps: 18.88, delayMs: 3 }),
  linkOf('fibre', { upMbps: 300, downMbps: 300, delayMs: 5 }),
  linkOf('5g', { upMbps: 60, downMbps: 300, delayMs: 10 }),
  linkOf('4g', { upMbps: 5.85, downMbps: 20, delayMs: 25 }),
];

/** What lies between edge and cloud, whatever lies before the edge. */
export const backbone: ShapedLink = linkOf('fibre', { upMbps: 300, downMbps: 300, delayMs: 5 });

function linkOf(name: string, rates: { upMbps: number; downMbps: number; delayMs: number }): ShapedLink {
  const shape = (mbps: number): LinkShape => ({
    bytesPerMs: mbps * BYTES_PER_MS_AND_MBPS,
    delayMs: rates.delayMs,
    slowStart: true,
  });
  return { name, up: shape(rates.upMbps), down: shape(rates.downMbps) };
}
