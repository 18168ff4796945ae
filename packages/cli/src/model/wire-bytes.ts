import { pixelShape, type Sidecar } from '@d3/runtime';
import { elementCount } from '@d3/tensor';

/** Bytes on the wire of inputs that a picture becomes: 8 bits a channel, normalised behind the hop. */
export function wireBytesOf(sidecar: Sidecar | undefined): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const input of sidecar?.inputs ?? []) {
    if (input.kind !== 'tensor') bytes.set(input.name, elementCount(pixelShape(input)));
  }
  return bytes;
}
