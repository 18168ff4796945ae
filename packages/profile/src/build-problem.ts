import type { Constraints, Objective, Problem } from '@d3/partition';
import { type CostGraph, type LayerCost, layerCosts } from './cost/layer-cost.ts';
import { predictLayerMs, predictSegmentMs } from './cost/predict-layer.ts';
import { profileError } from './errors.ts';
import type { LinkEstimate, TierProfile } from './tier-profile.ts';

/** What {@link buildProblem} combines. */
export interface ProblemSources {
  /** Spatial layers say their geometry, as those of a manifest do, or are priced as dense ones. */
  readonly graph: CostGraph;
  /** One per tier, nearest the user first; at least one. */
  readonly profiles: readonly TierProfile[];
  /** One fewer than `profiles`: link k joins tier k and tier k + 1. */
  readonly links: readonly LinkEstimate[];
  readonly objective?: Objective;
  readonly constraints?: Constraints;
  /** Bytes on the wire of tensors that are not sent as they are, e.g. a picture as uint8; the same on every hop. */
  readonly codedBytes?: ReadonlyMap<string, number>;
}

/**
 * Puts a graph, what is known of tiers and links, and a goal together into a planning problem. A layer's time is what its tier's
 * profile predicts times the tier's load; a tier's fixed time has the wait for a free worker in it.
 *
 * @throws D3Error `PROFILE_TIER_COUNT` when profiles and links do not fit together, `PROFILE_NOT_A_RATE` for a rate or a delay
 * that cannot be one
 */
export function buildProblem(sources: ProblemSources): Problem {
  const { graph, profiles, links, codedBytes } = sources;
  checkSources(profiles, links);
  const costs = layerCosts(graph);
  return {
    tiers: profiles.map((profile) => profile.tier),
    concurrency: profiles.map((profile) => profile.concurrency),
    tierFixedMs: profiles.map((profile) => predictSegmentMs(profile, []) + (profile.load?.queueMs ?? 0)),
    layers: graph.layers.map((layer, index) => ({
      name: layer.name,
      kind: layer.kind,
      flops: layer.flops,
      weightBytes: layer.weightBytes,
      inputs: layer.inputs,
      outputs: layer.outputs,
      ...(layer.weights === undefined ? {} : { weights: layer.weights }),
      computeMs: profiles.map((profile) => computeMs(profile, costs[index])),
    })),
    tensors: graph.tensors.map(({ name, bytes, isInput, isOutput }) => ({
      name,
      bytes,
      isInput,
      isOutput,
      codedBytes: links.map(() => codedBytes?.get(name) ?? bytes),
    })),
    hops: links.map(({ upBytesPerMs, downBytesPerMs, delayMs }) => ({ upBytesPerMs, downBytesPerMs, delayMs })),
    objective: sources.objective ?? 'latency',
    constraints: sources.constraints ?? {},
  };
}

function computeMs(profile: TierProfile, cost: LayerCost | undefined): number {
  return cost === undefined ? 0 : predictLayerMs(profile, cost) * (profile.load?.scale ?? 1);
}

function checkSources(profiles: readonly TierProfile[], links: readonly LinkEstimate[]): void {
  if (profiles.length < 1 || links.length !== profiles.length - 1) {
    throw profileError('PROFILE_TIER_COUNT', { tiers: profiles.length, links: links.length });
  }
  for (const profile of profiles) {
    checkRate(`gflops of tier '${profile.tier}'`, profile.gflops);
    checkRate(`concurrency of tier '${profile.tier}'`, profile.concurrency);
    checkDelay(`fixedMs of tier '${profile.tier}'`, profile.fixedMs);
    checkTerms(profile);
  }
  links.forEach((link, index) => {
    const hop = `${profiles[index]?.tier}-${profiles[index + 1]?.tier}`;
    checkRate(`upBytesPerMs of link '${hop}'`, link.upBytesPerMs);
    checkRate(`downBytesPerMs of link '${hop}'`, link.downBytesPerMs);
    checkDelay(`delayMs of link '${hop}'`, link.delayMs);
  });
}

function checkTerms({ tier, terms, load }: TierProfile): void {
  for (const [kind, values] of Object.entries(terms ?? {})) {
    for (const [name, value] of Object.entries(values)) checkDelay(`${name} of ${kind} on tier '${tier}'`, value);
  }
  if (load === undefined) return;
  checkRate(`load of tier '${tier}'`, load.scale);
  checkDelay(`queueMs of tier '${tier}'`, load.queueMs);
}

function checkRate(quantity: string, value: number): void {
  if (!(Number.isFinite(value) && value > 0)) {
    throw profileError('PROFILE_NOT_A_RATE', { quantity, value, range: 'above 0' });
  }
}

function checkDelay(quantity: string, value: number): void {
  if (!(Number.isFinite(value) && value >= 0)) {
    throw profileError('PROFILE_NOT_A_RATE', { quantity, value, range: '0 or more' });
  }
}
