import type { Ledger } from '../objective/ledger.ts';
import { shiftBorders } from './shift-borders.ts';
import { type SlideScope, slideBranches } from './slide-branches.ts';

/** Rounds of both passes at most. */
const ROUNDS = 4;

/**
 * HPA's second pass: slides cuts along branches and shifts borders until neither helps.
 *
 * @returns number of layers looked at
 */
export function refine(ledger: Ledger, scope: SlideScope): number {
  let looked = 0;
  let ms = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS && ledger.objectiveMs() < ms; round++) {
    ms = ledger.objectiveMs();
    looked += slideBranches(ledger, scope) + shiftBorders(ledger, scope);
  }
  return looked;
}
