import type { Manifest, SegmentModel } from '@d3/onnx';
import type { Backend, SegmentSpec, SidecarInput } from '@d3/runtime';
import type { TensorMap } from '@d3/tensor';
import { type Reference, type SplitCheck, worseOf } from './check-split.ts';
import { compareTensors, largestMagnitude, mergeDifferences, NO_DIFFERENCE } from './compare-tensors.ts';
import { noiseInputs } from './noise.ts';
import { tapWhole } from './tap-whole.ts';
import type { Distance } from './verdict.ts';

/** An input that was given, and what it should lead to, if that is known. */
export interface GivenInput {
  readonly label: string;
  readonly inputs: TensorMap;
  readonly outputs?: TensorMap;
}

/** The whole model's answers, which every split is measured against. */
export interface References {
  /** One per input that splits are run on: first the noise, then what was given. */
  readonly all: readonly Reference[];
  /** Whether the whole's outputs stand even when every boundary tensor is an output too. */
  readonly taps: SplitCheck;
  /** Whether outputs vary with the input. */
  readonly vary: boolean;
}

/** An output that moves by less than this part of its largest element is called constant. */
const LEAST_VARIATION = 1e-6;

/**
 * Runs the whole on seeded noise and on what was given.
 *
 * @param whole - all layers of the manifest as one segment
 */
export async function runReferences(
  whole: SegmentSpec,
  manifest: Manifest,
  options: {
    readonly backend: Backend;
    readonly seed: number;
    readonly sidecar?: readonly SidecarInput[];
    readonly given: readonly GivenInput[];
  },
): Promise<References> {
  const { backend, seed, given, sidecar } = options;
  const noise = (offset: number) =>
    noiseInputs(whole.model.inputs, { seed: seed + offset, ...(sidecar === undefined ? {} : { sidecar }) });
  const inputs = [{ label: `noise ${seed}`, inputs: noise(0) }, ...given];
  const other = noise(1);
  const plain = await runAll(backend, whole, [...inputs.map((entry) => entry.inputs), other]);
  const model = tapWhole(whole.model, manifest);
  const tapped = await runAll(
    backend,
    { ...whole, id: `${whole.id} tapped`, model },
    inputs.map((entry) => entry.inputs),
  );
  const all = inputs.map(({ label, inputs }, index) => ({
    label,
    inputs,
    values: { ...tapped[index], ...plain[index] },
  }));
  const taps = all.reduce<SplitCheck>(
    (check, reference, index) => worseOf(check, namesOf(whole.model), { outputs: tapped[index] ?? {}, reference }),
    NO_DIFFERENCE,
  );
  return { all, taps, vary: outputsVary(plain[0] ?? {}, plain.at(-1) ?? {}) };
}

/** Runs a model once per input. */
export async function runAll(backend: Backend, spec: SegmentSpec, inputs: readonly TensorMap[]): Promise<TensorMap[]> {
  const session = await backend.prepare(spec);
  try {
    const runs: TensorMap[] = [];
    for (const input of inputs) runs.push((await session.run(input)).outputs);
    return runs;
  } finally {
    await session.dispose();
  }
}

/** How far outputs are from those expected, over all of `expected`. */
export function distanceOf(actual: TensorMap, expected: TensorMap): Distance {
  let difference = NO_DIFFERENCE;
  let relative = 0;
  for (const [name, tensor] of Object.entries(expected)) {
    const own = compareTensors(actual[name], tensor);
    difference = mergeDifferences(difference, own);
    if (own.maxAbsDiff > 0) relative = Math.max(relative, own.maxAbsDiff / largestMagnitude(tensor));
  }
  return { maxAbsDiff: difference.maxAbsDiff, relative };
}

/** The larger of two distances. */
export function furthest(distances: readonly Distance[]): Distance {
  return {
    maxAbsDiff: Math.max(...distances.map((distance) => distance.maxAbsDiff)),
    relative: Math.max(...distances.map((distance) => distance.relative)),
  };
}

function outputsVary(a: TensorMap, b: TensorMap): boolean {
  return Object.entries(a).some(([name, tensor]) => {
    const { maxAbsDiff } = compareTensors(tensor, b[name]);
    return maxAbsDiff > LEAST_VARIATION * largestMagnitude(tensor);
  });
}

function namesOf(model: SegmentModel): string[] {
  return model.outputs.map((output) => output.name);
}
