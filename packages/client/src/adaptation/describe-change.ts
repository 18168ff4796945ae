import type { Problem } from '@d3/partition';

/** 1 Mbit/s is 125 bytes per ms. */
const BYTES_PER_MS_AND_MBPS = 125;

interface Shift {
  readonly words: string;
  /** Factor ≥ 1, either way. */
  readonly factor: number;
}

/** The largest difference between two problems over the same graph, in words; undefined when nothing differs. */
export function describeChange(then: Problem, now: Problem): string | undefined {
  const shifts = [...tierShifts(then, now), ...linkShifts(then, now), ...loadShifts(then, now)];
  return shifts.toSorted((a, b) => b.factor - a.factor).find(({ factor }) => factor > 1)?.words;
}

function tierShifts(then: Problem, now: Problem): Shift[] {
  const gone = then.tiers.filter((tier) => !now.tiers.includes(tier));
  const come = now.tiers.filter((tier) => !then.tiers.includes(tier));
  return [
    ...gone.map((tier) => ({ words: `the ${tier} is gone`, factor: Number.POSITIVE_INFINITY })),
    ...come.map((tier) => ({ words: `the ${tier} is there`, factor: Number.POSITIVE_INFINITY })),
  ];
}

function linkShifts(then: Problem, now: Problem): Shift[] {
  return now.hops.flatMap((hop, index) => {
    const before = then.hops[index];
    if (before === undefined) return [];
    const link = `${now.tiers[index]}-${now.tiers[index + 1]}`;
    const rate = (direction: string, was: number, is: number) =>
      shift(`the ${link} link ${direction}`, { was, is, show: mbps });
    return [
      rate('up', before.upBytesPerMs, hop.upBytesPerMs),
      rate('down', before.downBytesPerMs, hop.downBytesPerMs),
      shift(`the delay of the ${link} link`, { was: before.delayMs, is: hop.delayMs, show: ms }),
    ];
  });
}

function loadShifts(then: Problem, now: Problem): Shift[] {
  return now.tiers.flatMap((tier, index) => {
    const total = ({ layers, tierFixedMs }: Problem) =>
      layers.reduce((sum, layer) => sum + (layer.computeMs[index] ?? 0), tierFixedMs[index] ?? 0);
    return then.tiers[index] === tier
      ? [shift(`the time of the whole network on the ${tier}`, { was: total(then), is: total(now), show: ms })]
      : [];
  });
}

function shift(
  what: string,
  { was, is, show }: { readonly was: number; readonly is: number; readonly show: (value: number) => string },
): Shift {
  const verb = is < was ? 'fell' : 'rose';
  const factor = was === is ? 1 : Math.max(was, is) / Math.min(was, is);
  return { words: `${what} ${verb} from ${show(was)} to ${show(is)}`, factor };
}

function mbps(bytesPerMs: number): string {
  return `${Number((bytesPerMs / BYTES_PER_MS_AND_MBPS).toPrecision(3))} Mbit/s`;
}

function ms(value: number): string {
  return `${Number(value.toPrecision(3))} ms`;
}
