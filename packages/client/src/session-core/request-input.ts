import type { Manifest } from '@d3/onnx';
import { normalise, pixelShape, pixelsOf, type Sidecar, type SidecarInput } from '@d3/runtime';
import type { Tensor, TensorMap } from '@d3/tensor';
import { clientError } from '../errors.ts';
import type { InferInput } from '../session.ts';
import { checkInputs } from './check-inputs.ts';

/** The network inputs of one request, in both forms that they may be needed in. */
export interface RequestInput {
  /** A network input as its layers read it. Normalised when first asked for. */
  tensor(name: string): Tensor | undefined;
  /** A network input as a picture's bytes, if it is one. */
  pixels(name: string): Tensor | undefined;
}

/** An input that is a picture or a drawing, as the sidecar describes it. */
type DrawnInput = Exclude<SidecarInput, { readonly kind: 'tensor' }>;

/**
 * Checks what a caller gives, and makes the network's inputs of it.
 *
 * @throws D3Error `CLIENT_INPUT_UNKNOWN`, `CLIENT_INPUT_MISSING`, `CLIENT_INPUT_MISMATCH`, `CLIENT_INPUT_KIND`, and what
 * reading pictures and drawings throws
 */
export function readInput(
  model: { readonly manifest: Manifest; readonly sidecar: Sidecar | undefined },
  input: InferInput,
): RequestInput {
  if (input?.kind === 'tensors') return tensorsInput(model.manifest, input.tensors);
  if (input?.kind === 'picture' || input?.kind === 'strokes') {
    const entry = drawnInput(model, input.kind);
    return pictureInput(entry, pixelsOf(input.kind === 'picture' ? input.picture : input.strokes, entry));
  }
  throw new TypeError("infer() takes {kind: 'tensors' | 'picture' | 'strokes', …}");
}

/** Bytes that the inputs which are pictures take on a hop, by name. */
export function pictureBytes(sidecar: Sidecar | undefined): Map<string, number> {
  const drawn = (sidecar?.inputs ?? []).filter((entry): entry is DrawnInput => entry.kind !== 'tensor');
  return new Map(drawn.map((entry) => [entry.name, pixelShape(entry).reduce((count, size) => count * size, 1)]));
}

function tensorsInput(manifest: Manifest, tensors: TensorMap): RequestInput {
  checkInputs(manifest, tensors ?? {});
  return { tensor: (name) => tensors[name], pixels: () => undefined };
}

function pictureInput(entry: DrawnInput, pixels: Tensor): RequestInput {
  let normalised: Tensor | undefined;
  return {
    pixels: (name) => (name === entry.name ? pixels : undefined),
    tensor: (name) => {
      if (name !== entry.name) return undefined;
      normalised ??= normalise(pixels, entry);
      return normalised;
    },
  };
}

/** The one input that a picture or a drawing stands for. */
function drawnInput(
  { manifest, sidecar }: { readonly manifest: Manifest; readonly sidecar: Sidecar | undefined },
  kind: 'picture' | 'strokes',
): DrawnInput {
  const refuse = (reason: string) => clientError('CLIENT_INPUT_KIND', { model: manifest.name, kind, reason });
  if (sidecar === undefined)
    throw refuse('no model.d3.json beside it says how; give tensors, or pack it with a sidecar');
  const names = manifest.tensors.filter((tensor) => tensor.isInput).map((tensor) => tensor.name);
  const entries = sidecar.inputs.filter((entry) => names.includes(entry.name));
  const [entry] = entries;
  if (names.length !== 1 || entry === undefined)
    throw refuse(`it has ${names.length} inputs; give all of them as tensors`);
  if (entry.kind === 'tensor') throw refuse(`its input '${entry.name}' is a plain tensor; give its values`);
  return entry;
}
