import type { InferInput } from '../session.ts';

/** Memory of an input that can be handed to another thread: buffers of which the input is all. Each once. */
export function handedOver(input: InferInput): Transferable[] {
  const views = viewsOf(input).filter((view) => view?.buffer instanceof ArrayBuffer);
  return [...new Set(views.filter((view) => view.byteLength === view.buffer.byteLength).map(({ buffer }) => buffer))];
}

function viewsOf(input: InferInput): readonly ArrayBufferView<ArrayBuffer>[] {
  switch (input?.kind) {
    case 'tensors':
      return Object.values(input.tensors ?? {}).map(({ bytes }) => bytes);
    case 'picture':
      return input.picture?.rgba === undefined ? [] : [input.picture.rgba as Uint8ClampedArray<ArrayBuffer>];
    default:
      return [];
  }
}
