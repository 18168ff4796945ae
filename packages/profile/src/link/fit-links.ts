import type { LinkEstimate } from '../tier-profile.ts';
import type { PlanBytes } from './fit-estimate.ts';

/** A link as a plan finds it: `LinkEstimator.fitTransfer` of one's own, `fitEstimate` of one that is known by its estimate. */
export type LinkFit = (bytes: PlanBytes) => LinkEstimate;

/** A plan for links, and what it sends over each hop per request. */
export interface FittedPlan<Plan> {
  readonly plan: Plan;
  /** Links that the plan was made for. */
  readonly links: readonly LinkEstimate[];
}

const ROUNDS = 3;
/** Transfers whose sizes differ by less than this factor are fitted alike. */
const ALIKE = 1.1;

/**
 * Plans over links whose cost depends on how much the plan sends: plan and fit alternate until the plan sends what its links were
 * fitted to, three times at most.
 *
 * @param fits - one per hop
 * @param first - bytes to begin with, per hop: those of the plan in force, or zeros
 * @param planFor - plans for links, and says what the plan sends over each hop (0 both ways where it crosses none)
 */
export function fitLinks<Plan>(
  fits: readonly LinkFit[],
  first: readonly PlanBytes[],
  planFor: (links: readonly LinkEstimate[]) => { readonly plan: Plan; readonly bytes: readonly PlanBytes[] },
): FittedPlan<Plan> {
  let bytes = fits.map((_, hop) => first[hop] ?? { up: 0, down: 0 });
  for (let round = 1; ; round++) {
    const fittedTo = bytes;
    const links = fits.map((fit, hop) => fit(fittedTo[hop] ?? { up: 0, down: 0 }));
    const { plan, bytes: sent } = planFor(links);
    // A hop that the plan does not cross keeps the size it was fitted to: what crossing it would cost.
    bytes = fits.map((_, hop) => crossing(sent[hop]) ?? fittedTo[hop] ?? { up: 0, down: 0 });
    const settled = bytes.every((size, hop) => alike(size, fittedTo[hop] ?? { up: 0, down: 0 }));
    if (settled || round === ROUNDS) return { plan, links };
  }
}

function crossing(bytes: PlanBytes | undefined): PlanBytes | undefined {
  return bytes === undefined || bytes.up + bytes.down === 0 ? undefined : bytes;
}

function alike(a: PlanBytes, b: PlanBytes): boolean {
  const near = (x: number, y: number): boolean => Math.max(x, y) <= ALIKE * Math.min(x, y);
  return near(a.up, b.up) && near(a.down, b.down);
}
