/**
 * The sets of stations to plan over (SPEC.md, O1): the first tier, any of the tiers between, and the last that is available.
 * In each the tiers between count as used; the ends may stay empty.
 *
 * @param available - tiers that may hold layers, ascending, at least one
 */
export function stationSets(available: readonly number[]): number[][] {
  const beyond = available.filter((tier) => tier > 0);
  const last = beyond.at(-1);
  if (last === undefined) return [[0]];
  const middle = beyond.slice(0, -1);
  return Array.from({ length: 2 ** middle.length }, (_, bits) => [
    0,
    ...middle.filter((_, index) => (bits & (1 << index)) !== 0),
    last,
  ]);
}
