import type { ShapeInference } from '@d3/onnx';
import { encodeManifest, extractSegment, type PackedModel, packModel } from '@d3/onnx';
import type { SegmentSpec } from '@d3/runtime';
import type { TensorMap } from '@d3/tensor';

/** What identifies a packed model, as plain data. */
export interface PackedBytes {
  /** manifest.json. */
  readonly manifest: string;
  /** graph.onnx, as base 64. */
  readonly graph: string;
  readonly blobs: readonly string[];
}

/** Fetches an ONNX file and packs it here. */
export async function packFrom(url: string, infer: ShapeInference): Promise<PackedModel> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers with status ${response.status}`);
  return packModel(new Uint8Array(await response.arrayBuffer()), { name: 'packed', infer });
}

/** The packed model's bytes, for comparison with another's. */
export function bytesOfPacked({ manifest, graph, weights }: PackedModel): PackedBytes {
  return {
    manifest: new TextDecoder().decode(encodeManifest(manifest)),
    graph: base64(graph),
    blobs: [...weights.keys()],
  };
}

/** The layers [from, to) of a packed model as a segment. */
export function segmentOf(packed: PackedModel, from: number, to: number): SegmentSpec {
  const layers = Array.from({ length: to - from }, (_, index) => from + index);
  const model = extractSegment(packed, layers, { locate: ({ id }) => ({ path: `weights/${id}`, offset: 0 }) });
  const blobs = new Map(model.weights.map(({ id }) => [`weights/${id}`, blobOf(packed, id)]));
  return { id: `${from}-${to}`, model, level: packed.manifest.level, weights: { kind: 'blobs', blobs } };
}

/** Seeded inputs of a whole model. */
export function inputsOf({ manifest }: PackedModel): TensorMap {
  const inputs = manifest.tensors.filter((tensor) => tensor.isInput);
  return Object.fromEntries(
    inputs.map(({ name, type, shape, bytes }) => {
      const floats = Float32Array.from({ length: bytes / 4 }, (_, index) => Math.sin(index * 0.37) * 0.5 + 0.5);
      return [name, { type, shape, bytes: new Uint8Array(floats.buffer) }];
    }),
  );
}

function blobOf(packed: PackedModel, id: string): Uint8Array<ArrayBuffer> {
  const blob = packed.weights.get(id);
  if (blob === undefined) throw new Error(`The packed model has no blob ${id}`);
  return blob;
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
