import type { Manifest, ManifestTensor } from '@d3/onnx';
import { segmentsOf } from '@d3/partition';
import type { ExpectedTensor, Proposal } from '@d3/protocol';
import { serverError } from '../errors.ts';

/** A proposal, seen from one tier. */
export interface EpochPlan {
  /** Layers of this tier; none makes it a relay. */
  readonly layers: readonly number[];
  /** Tensors that cross the hop below, upwards. */
  readonly incoming: readonly ManifestTensor[];
  /** Names of the tensors that cross the hop above, upwards. */
  readonly upward: readonly string[];
  /** Layers of all tiers above. */
  readonly behind: readonly number[];
  /** Whether a tier above holds a layer. */
  readonly continues: boolean;
}

/**
 * Checks a proposal against its model and cuts out what concerns `tier`.
 *
 * @throws D3Error `SERVER_PROPOSAL_INVALID`
 */
export function planEpoch(proposal: Proposal, manifest: Manifest, tier: string): EpochPlan {
  const refuse = (problem: string) =>
    serverError('SERVER_PROPOSAL_INVALID', { epoch: proposal.epoch, model: manifest.name, tier, problem });
  const { tiers, tierOf } = proposal;
  const own = tiers.indexOf(tier);
  if (own < 1) throw refuse(`its tiers are ${tiers.join(', ')}, and this tier must be one after the first`);
  if (new Set(tiers).size !== tiers.length) throw refuse(`its tiers ${tiers.join(', ')} repeat a name`);
  const problem = assignmentProblem(proposal, manifest);
  if (problem !== undefined) throw refuse(problem);
  const { segments, boundaries } = segmentsOf(manifest, tierOf, tiers.length);
  const behind = tierOf.flatMap((index, layer) => (index > own ? [layer] : []));
  const byName = new Map(manifest.tensors.map((tensor) => [tensor.name, tensor]));
  return {
    layers: segments[own]?.layers ?? [],
    incoming: (boundaries[own - 1] ?? []).flatMap((name) => byName.get(name) ?? []),
    upward: boundaries[own] ?? [],
    behind,
    continues: behind.length > 0,
  };
}

/** What {@link checkExpected} needs to know of a boundary. */
export function expectedTensors(
  incoming: readonly ManifestTensor[],
  pixelShapes: ReadonlyMap<string, readonly number[]>,
): readonly ExpectedTensor[] {
  return incoming.map(({ name, type, shape }) => {
    const pixelShape = pixelShapes.get(name);
    return { name, type, shape, ...(pixelShape === undefined ? {} : { pixelShape }) };
  });
}

function assignmentProblem({ tiers, tierOf }: Proposal, manifest: Manifest): string | undefined {
  if (tierOf.length !== manifest.layers.length) {
    return `tierOf has ${tierOf.length} entries and the model ${manifest.layers.length} layers`;
  }
  const tierOfTensor = new Map<string, number>();
  for (const [index, layer] of manifest.layers.entries()) {
    const tier = tierOf[index] ?? 0;
    if (tier >= tiers.length) return `layer '${layer.name}' is on tier ${tier} of ${tiers.length}`;
    const early = layer.inputs.find((name) => (tierOfTensor.get(name) ?? 0) > tier);
    if (early !== undefined) return `layer '${layer.name}' is on an earlier tier than what makes its input '${early}'`;
    for (const name of layer.outputs) tierOfTensor.set(name, tier);
  }
  return undefined;
}
