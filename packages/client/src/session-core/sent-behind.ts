import type { BoundaryTiming, HopTiming } from '@d3/protocol';
import type { Epoch } from './epoch.ts';

/**
 * What tensors took on the hops behind the first. Servers tell only what all of a hop's tensors took together: each is taken to have been
 * coded as well as the others.
 */
export function sentBehind(
  { parts }: Pick<Epoch, 'parts'>,
  hops: readonly HopTiming[],
): readonly Pick<BoundaryTiming, 'name' | 'codedBytes'>[] {
  const { segmentation, report } = parts;
  const sizes = new Map(report.problem.tensors.map(({ name, bytes }) => [name, bytes]));
  const first = new Set(segmentation.boundaries[0]);
  return hops.slice(1).flatMap(({ bytesUp }, behind) => {
    const names = segmentation.boundaries[behind + 1] ?? [];
    const bytes = names.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
    if (bytes === 0 || bytesUp === 0) return [];
    // What crossed the first hop as well is known from there.
    const others = names.filter((name) => !first.has(name));
    return others.map((name) => ({ name, codedBytes: Math.round(((sizes.get(name) ?? 0) * bytesUp) / bytes) }));
  });
}
