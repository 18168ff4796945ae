import type { Constraints, LayerGraph, Objective, Problem } from '@d3/partition';
import { profileError } from './errors.ts';
import type { LinkEstimate, TierProfile } from './tier-profile.ts';

/** Floating-point operations per millisecond at 1 GFLOP/s. */
const FLOPS_PER_MS = 1e6;

/** What {@link buildProblem} combines. */
export interface ProblemSources {
  readonly graph: LayerGraph;
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
 * Puts a graph, what is known of tiers and links, and a goal together into a planning problem. A layer's time is its FLOPs over
 * its tier's measured rate: a first cost model, in which memory-bound layers look too cheap.
 *
 * @throws D3Error `PROFILE_TIER_COUNT` when profiles and links do not fit together, `PROFILE_NOT_A_RATE` for a rate or a delay
 * that cannot be one
 */
export function buildProblem(sources: ProblemSources): Problem {
  const { graph, profiles, links, codedBytes } = sources;
  checkSources(profiles, links);
  return {
    tiers: profiles.map((profile) => profile.tier),
    concurrency: profiles.map((profile) => profile.concurrency),
    tierFixedMs: profiles.map((profile) => profile.fixedMs),
    layers: graph.layers.map((layer) => ({
      name: layer.name,
      kind: layer.kind,
      flops: layer.flops,
      weightBytes: layer.weightBytes,
      inputs: layer.inputs,
      outputs: layer.outputs,
      ...(layer.weights === undefined ? {} : { weights: layer.weights }),
      computeMs: profiles.map((profile) => layer.flops / (profile.gflops * FLOPS_PER_MS)),
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

function checkSources(profiles: readonly TierProfile[], links: readonly LinkEstimate[]): void {
  if (profiles.length < 1 || links.length !== profiles.length - 1) {
    throw profileError('PROFILE_TIER_COUNT', { tiers: profiles.length, links: links.length });
  }
  for (const profile of profiles) {
    checkRate(`gflops of tier '${profile.tier}'`, profile.gflops);
    checkRate(`concurrency of tier '${profile.tier}'`, profile.concurrency);
    checkDelay(`fixedMs of tier '${profile.tier}'`, profile.fixedMs);
  }
  links.forEach((link, index) => {
    const hop = `${profiles[index]?.tier}-${profiles[index + 1]?.tier}`;
    checkRate(`upBytesPerMs of link '${hop}'`, link.upBytesPerMs);
    checkRate(`downBytesPerMs of link '${hop}'`, link.downBytesPerMs);
    checkDelay(`delayMs of link '${hop}'`, link.delayMs);
  });
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
