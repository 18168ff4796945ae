import type { Manifest } from '@d3/onnx';
import { type Assignment, segmentsOf } from '@d3/partition';
import type { SegmentSession } from '@d3/runtime';
import type { Tensor, TensorMap } from '@d3/tensor';
import { compareTensors, type Difference, mergeDifferences, NO_DIFFERENCE } from './compare-tensors.ts';

/** Prepares the layers of one tier. The caller disposes the session. */
export type OpenSegment = (layers: readonly number[], outputs: readonly string[]) => Promise<SegmentSession>;

/** One input of the network, and what the whole model makes of it. */
export interface Reference {
  /** Where the input is from, e.g. `noise 1`. */
  readonly label: string;
  readonly inputs: TensorMap;
  /** Every tensor that may cross a hop, network outputs included, by name. */
  readonly values: TensorMap;
}

/** How a split compares with the whole, over all references. */
export interface SplitCheck extends Difference {
  /** The first tensor that differs, and for which input. */
  readonly where?: string;
}

/**
 * Runs a split segment after segment, on every reference's input, and compares each boundary tensor and each output with the
 * whole model's. A segment reads what the segment before it made, never the reference.
 */
export async function checkSplit(
  manifest: Manifest,
  tierOf: Assignment,
  options: { readonly open: OpenSegment; readonly references: readonly Reference[] },
): Promise<SplitCheck> {
  const { open, references } = options;
  const made = references.map(({ inputs }) => new Map<string, Tensor>(Object.entries(inputs)));
  let check: SplitCheck = NO_DIFFERENCE;
  for (const segment of segmentsOf(manifest, tierOf, Math.max(...tierOf) + 1).segments) {
    if (segment.layers.length === 0) continue;
    const session = await open(segment.layers, segment.outputs);
    try {
      for (const [index, reference] of references.entries()) {
        const known = made[index] ?? new Map<string, Tensor>();
        const { outputs } = await session.run(pick(known, segment.inputs));
        for (const [name, tensor] of Object.entries(outputs)) known.set(name, tensor);
        check = worseOf(check, segment.outputs, { outputs, reference });
      }
    } finally {
      await session.dispose();
    }
  }
  return check;
}

/** A check, made worse by what one run shows of some tensors. */
export function worseOf(
  check: SplitCheck,
  names: readonly string[],
  run: { readonly outputs: TensorMap; readonly reference: Reference },
): SplitCheck {
  let merged = check;
  for (const name of names) {
    const difference = compareTensors(run.outputs[name], run.reference.values[name]);
    const where = merged.where ?? (difference.identical ? undefined : `tensor '${name}' on ${run.reference.label}`);
    merged = { ...mergeDifferences(merged, difference), ...(where === undefined ? {} : { where }) };
  }
  return merged;
}

function pick(tensors: ReadonlyMap<string, Tensor>, names: readonly string[]): TensorMap {
  const picked: Record<string, Tensor> = {};
  for (const name of names) {
    const tensor = tensors.get(name);
    if (tensor !== undefined) picked[name] = tensor;
  }
  return picked;
}
