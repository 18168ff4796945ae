import type { Manifest } from '@d3/onnx';
import { pixelShape, type Sidecar } from '@d3/runtime';
import type { Tensor, TensorMap } from '@d3/tensor';
import { clientError } from '../errors.ts';
import type { InferInput } from '../session.ts';
import { checkInputs } from './check-inputs.ts';
import { type Drawn, type DrawnInput, drawInput } from './draw-input.ts';
import type { Host } from './host.ts';

/** The network inputs of one request, in both forms that they may be needed in. */
export interface RequestInput {
  /** A network input as its layers read it. */
  tensor(name: string): Tensor | undefined;
  /** A network input as a picture's bytes, if it is one. */
  pixels(name: string): Tensor | undefined;
}

/**
 * Checks what a caller gives, and makes the network's inputs of it.
 *
 * @throws D3Error `CLIENT_INPUT_UNKNOWN`, `CLIENT_INPUT_MISSING`, `CLIENT_INPUT_MISMATCH`, `CLIENT_INPUT_KIND`, and what
 * reading pictures and drawings throws
 */
export async function readInput(
  model: { readonly manifest: Manifest; readonly sidecar: Sidecar | undefined },
  input: InferInput,
  host: Pick<Host, 'drawPicture'>,
): Promise<RequestInput> {
  switch (input?.kind) {
    case 'tensors':
      return tensorsInput(model.manifest, input.tensors);
    case 'strokes': {
      const entry = drawnInput(model, input.kind);
      if (!Array.isArray(input.strokes?.strokes))
        throw unreadable(model.manifest, 'strokes', '{strokes: [[[x, y], …], …]}');
      return drawnAs(entry, drawInput(input.strokes, entry));
    }
    case 'picture': {
      const entry = drawnInput(model, input.kind);
      if (!ArrayBuffer.isView(input.picture?.rgba)) {
        throw unreadable(model.manifest, 'picture', '{width, height, rgba}, as pictureOf() makes it');
      }
      return drawnAs(entry, await host.drawPicture(input.picture, entry));
    }
    default:
      throw new TypeError("infer() takes {kind: 'tensors' | 'picture' | 'strokes', …}");
  }
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

function drawnAs(entry: DrawnInput, { pixels, tensor }: Drawn): RequestInput {
  return {
    pixels: (name) => (name === entry.name ? pixels : undefined),
    tensor: (name) => (name === entry.name ? tensor : undefined),
  };
}

function unreadable({ name }: Manifest, kind: 'picture' | 'strokes', form: string): Error {
  return clientError('CLIENT_INPUT_KIND', { model: name, kind, reason: `this is none; give ${form}` });
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
