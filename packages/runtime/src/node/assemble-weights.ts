import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Manifest, ManifestWeight, WeightLocation } from '@d3/onnx';
import { runtimeError } from '../errors.ts';

/** Weights begin on page borders, so that each can be mapped by itself, and lie alike for wholes and parts. */
const PAGE_BYTES = 4096;

/** One file with all of a model's weights. */
export interface AssembledWeights {
  /** What segments' external-data paths are relative to: the `folder` of their weights. */
  readonly folder: string;
  readonly bytes: number;
  /** Offset of each weight by its id. */
  readonly offsets: ReadonlyMap<string, number>;
  /** Where an extracted segment finds a weight of this model. */
  locate(weight: ManifestWeight): WeightLocation;
}

/**
 * Writes all of a model's weights into one file that sessions map into memory. The file appears under its name only when it
 * is whole; one that is there already with the right size is taken as it is, so the name must tell the model, e.g.
 * `<manifest.hash>.bin`.
 *
 * @param readBlob - gives the bytes of a weight by its id; asked for one at a time, in the manifest's order
 * @throws D3Error `RUNTIME_WEIGHT_CORRUPT` when a blob's size or SHA-256 is not the manifest's
 */
export async function assembleWeights(
  manifest: Pick<Manifest, 'name' | 'weights'>,
  readBlob: (id: string) => Promise<Uint8Array>,
  path: string,
): Promise<AssembledWeights> {
  const file = resolve(path);
  const { offsets, unique, bytes } = layOut(manifest.weights);
  const present = await stat(file).catch(() => undefined);
  if (present?.size !== bytes) await writeWeights(file, { unique, offsets, bytes, readBlob });
  return {
    folder: dirname(file),
    bytes,
    offsets,
    locate: ({ id, name }) => {
      const offset = offsets.get(id);
      if (offset === undefined) throw new RangeError(`Weight '${name}' (${id}) is not one of model '${manifest.name}'`);
      return { path: basename(file), offset };
    },
  };
}

interface Layout {
  readonly unique: readonly ManifestWeight[];
  readonly offsets: ReadonlyMap<string, number>;
  readonly bytes: number;
}

function layOut(weights: readonly ManifestWeight[]): Layout {
  const unique = new Map(weights.map((weight) => [weight.id, weight]));
  const offsets = new Map<string, number>();
  let bytes = 0;
  for (const weight of unique.values()) {
    const offset = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
    offsets.set(weight.id, offset);
    bytes = offset + weight.bytes;
  }
  return { unique: [...unique.values()], offsets, bytes };
}

async function writeWeights(
  file: string,
  { unique, offsets, bytes, readBlob }: Layout & { readonly readBlob: (id: string) => Promise<Uint8Array> },
): Promise<void> {
  const partial = `${file}.${randomUUID()}.part`;
  const handle = await open(partial, 'wx');
  try {
    for (const weight of unique) {
      const blob = await readBlob(weight.id);
      checkBlob(weight, blob);
      await writeAt(handle, blob, offsets.get(weight.id) ?? 0);
    }
    await handle.truncate(bytes);
    await handle.close();
    await rename(partial, file);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

/** One write takes 2 GiB at most and may take less. */
async function writeAt(handle: FileHandle, blob: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < blob.byteLength) {
    const { bytesWritten } = await handle.write(blob, done, blob.byteLength - done, offset + done);
    done += bytesWritten;
  }
}

function checkBlob(weight: ManifestWeight, blob: Uint8Array): void {
  if (blob.byteLength !== weight.bytes) {
    throw runtimeError('RUNTIME_WEIGHT_CORRUPT', {
      weight: weight.name,
      expected: `${weight.bytes} bytes`,
      actual: `${blob.byteLength} bytes`,
    });
  }
  const actual = createHash('sha256').update(blob).digest('hex');
  if (actual !== weight.id) {
    throw runtimeError('RUNTIME_WEIGHT_CORRUPT', {
      weight: weight.name,
      expected: `SHA-256 ${weight.id}`,
      actual: `SHA-256 ${actual}`,
    });
  }
}
