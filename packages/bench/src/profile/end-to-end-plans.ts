import type { Manifest } from '@d3/onnx';
import type { Constraints, PlanReport } from '@d3/partition';

/** A plan over so many tiers, as constraints. */
export interface WantedPlan {
  readonly name: string;
  readonly tiers: 1 | 2 | 3;
  readonly constraints: Constraints;
}

/** One plan over one, two and three tiers each; where between those pins it is cut is the planner's to say. */
export function wantedPlans({ layers }: Manifest): readonly WantedPlan[] {
  const first = layers[0]?.name ?? '';
  const last = layers.at(-1)?.name ?? '';
  const middle = layers[Math.floor(layers.length / 2)]?.name ?? '';
  return [
    { name: 'device', tiers: 1, constraints: { unavailable: ['edge', 'cloud'] } },
    {
      name: 'device-edge',
      tiers: 2,
      constraints: { keepOnDevice: 1, pin: { [first]: 'device', [last]: 'edge' }, unavailable: ['cloud'] },
    },
    {
      name: 'device-edge-cloud',
      tiers: 3,
      constraints: { keepOnDevice: 1, pin: { [first]: 'device', [middle]: 'edge', [last]: 'cloud' } },
    },
  ];
}

/** The plan that a report has chosen, and no other. */
export function pinnedTo({ problem, strategies, chosen }: PlanReport): Constraints {
  const plan = strategies[chosen];
  if (plan === undefined || !('tierOf' in plan)) throw new Error(`Strategy '${chosen}' of the live plan has no plan`);
  const pin = plan.tierOf.map((tier, layer) => [problem.layers[layer]?.name ?? '', problem.tiers[tier] ?? ''] as const);
  return { pin: Object.fromEntries(pin) };
}

/** What a report expects of its plan. */
export function predictedOf({ strategies, chosen }: PlanReport): {
  readonly latencyMs: number;
  readonly parts: Readonly<Record<string, unknown>>;
} {
  const plan = strategies[chosen];
  if (plan === undefined || !('tierOf' in plan)) throw new Error(`Strategy '${chosen}' of the live plan has no plan`);
  return { latencyMs: plan.latencyMs, parts: { ...plan.breakdown } };
}
