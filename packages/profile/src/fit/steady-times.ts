/** Share of the rounds that were as fast as the speed that {@link steadyTimes} tells. */
const FAST_SHARE = 0.25;

/**
 * What things take on a machine that is left alone, from rounds in each of which every one of them was timed once. Other programs slow
 * whole rounds, by a third and for seconds: each round is set right by how slow it was on the median, and all are told at the speed of
 * the faster rounds. What is left, single slow runs and a coarse clock, a mean over the middle half takes out.
 *
 * @param times - by thing, then by round; as many rounds each, none negative
 * @returns one time each, in the unit given; `NaN` for one that was never timed
 */
export function steadyTimes(times: readonly (readonly number[])[]): number[] {
  const usual = times.map(middleMean);
  const rounds = Math.max(0, ...times.map(({ length }) => length));
  const slowness = Array.from({ length: rounds }, (_, round) => {
    const ratios = times.map((own, at) => (own[round] ?? Number.NaN) / (usual[at] ?? 0)).filter(isRatio);
    return ratios.length === 0 ? 1 : middleMean(ratios);
  });
  const level = slowness.toSorted((a, b) => a - b)[Math.floor((rounds - 1) * FAST_SHARE)] ?? 1;
  return times.map((own) => level * middleMean(own.map((time, round) => time / (slowness[round] ?? 1))));
}

function isRatio(ratio: number): boolean {
  return Number.isFinite(ratio) && ratio > 0;
}

/** Of the middle half; of three the median. */
function middleMean(values: readonly number[]): number {
  const left = Math.floor((values.length + 1) / 4);
  const middle = values.toSorted((a, b) => a - b).slice(left, values.length - left);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}
