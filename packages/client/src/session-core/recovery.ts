import { isD3Error } from '@d3/errors';
import { clientError } from '../errors.ts';
import type { Fallback } from '../session.ts';
import type { EdgeKeeper, TierChange } from './edge-keeper.ts';
import type { EventHub } from './event-hub.ts';
import type { LivePlan } from './live-plan.ts';

/** What a {@link Recovery} works with. */
export interface RecoveryParts {
  readonly plan: LivePlan;
  readonly edge: EdgeKeeper;
  readonly hub: EventHub;
  readonly fallback: Fallback;
  /** Address of the edge, for errors. */
  readonly address: string | undefined;
  /** Aborted when the session ends. */
  readonly ending: AbortSignal;
  /** Called after every switch that was tried: what nobody uses any more can end. */
  readonly onTried: () => void;
}

/** Finds a way on when tiers come and go: a plan over what is left, as policy allows, or the error that requests end with. */
export class Recovery {
  readonly #parts: RecoveryParts;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** Plans anew for the tiers behind the edge that there are. */
  async followTiers({ gone, come }: TierChange): Promise<void> {
    const { plan, hub, fallback } = this.#parts;
    // A first plan is made for what is there when its turn comes.
    if (!plan.ready) return;
    for (const what of gone) hub.emit('lost', { what, reason: 'the edge says that it is away' });
    const { report, tierOf } = plan.epoch.parts;
    const missed = gone.filter((tier) => tierOf.includes(report.problem.tiers.indexOf(tier)));
    if (missed.length > 0 && fallback === 'fail') {
      const problem = "fallback is 'fail'";
      plan.fail(clientError('CLIENT_TIER_AWAY', { tiers: missed.join(', '), problem }));
      return;
    }
    const words = [...gone.map((tier) => `the ${tier} is away`), ...come.map((tier) => `the ${tier} is there`)];
    await this.switchOrFail(words.join('; '));
  }

  /** Plans without the edge; where there is no way on, requests fail until it is back. */
  async leaveEdge(reason: string): Promise<void> {
    const { plan, hub } = this.#parts;
    const recovery = plan.recover(() => this.#findWayOn(reason));
    hub.emit('lost', { what: 'edge', reason });
    await recovery;
  }

  /** Switches; requests fail from then on if that cannot be. @param before - done when its turn has come, before planning */
  async switchOrFail(reason: string, before?: () => Promise<void>): Promise<void> {
    const { plan, ending, onTried } = this.#parts;
    try {
      await plan.switchTo({ reason, forced: true, ...(before && { before }) });
    } catch (error) {
      if (!ending.aborted) plan.fail(this.#outageOf(error));
    }
    onTried();
  }

  async #findWayOn(reason: string): Promise<void> {
    const { plan, edge, fallback, address, ending } = this.#parts;
    const alone = fallback === 'any' || fallback === 'device';
    const failure = alone
      ? await this.#tryPlan(`the edge was lost: ${reason}`)
      : new Error(`fallback is '${fallback}'`);
    if (failure === undefined) return;
    if (fallback !== 'fail') await edge.detour();
    // A draining edge still finishes what runs; a link past it brings its own plan.
    if (ending.aborted || edge.draining || edge.uplink !== undefined) return;
    const remedy = `${failure.message}. It is tried again until the session is closed`;
    const details = { edge: String(address), problem: reason, remedy };
    plan.fail(clientError('CLIENT_EDGE_LOST', details, { cause: failure }));
  }

  /** Switches; gives back why it cannot. */
  async #tryPlan(reason: string): Promise<Error | undefined> {
    try {
      await this.#parts.plan.switchTo({ reason, forced: true });
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** A plan that fails for want of a tier is an outage that ends when the tier is back. */
  #outageOf(error: unknown): unknown {
    const { away } = this.#parts.edge.tiers;
    if (away.length === 0 || !isD3Error(error, 'CLIENT_PLAN_INFEASIBLE')) return error;
    const details = { tiers: away.join(', '), problem: String(error.details.reason) };
    return clientError('CLIENT_TIER_AWAY', details, { cause: error });
  }
}
