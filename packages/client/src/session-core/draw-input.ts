import { normalise, type Picture, pixelsOf, type SidecarInput, type Strokes } from '@d3/runtime';
import type { Tensor } from '@d3/tensor';

/** An input that is a picture or a drawing, as the sidecar describes it. */
export type DrawnInput = Exclude<SidecarInput, { readonly kind: 'tensor' }>;

/** A network input made from a picture or a drawing, in both forms that it may be needed in. */
export interface Drawn {
  /** uint8, [height, width, channels]: what crosses a hop. */
  readonly pixels: Tensor;
  /** As the network reads it. */
  readonly tensor: Tensor;
}

/**
 * Makes a network input from a picture or a drawing, on the calling thread: a photograph takes it tens or hundreds of ms.
 *
 * @throws D3Error what reading pictures and drawings throws
 */
export function drawInput(source: Picture | Strokes, entry: DrawnInput): Drawn {
  const pixels = pixelsOf(source, entry);
  return { pixels, tensor: normalise(pixels, entry) };
}
