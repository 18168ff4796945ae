import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { encodeManifest, type PackedModel, parseManifest } from '@d3/onnx';
import type { Sidecar } from '@d3/runtime';
import { cliError } from '../errors.ts';
import { readFileBytes, reasonOf } from './read-file.ts';

/** Files of a packed model; its weights lie in `weights/<id>`. */
export const PACKED_FILES = { manifest: 'manifest.json', graph: 'graph.onnx', sidecar: 'model.d3.json' } as const;

/**
 * Writes a packed model. The folder appears whole or not at all; a packed model that is there already is replaced.
 *
 * @throws D3Error `CLI_FILE_UNWRITABLE`, also for a folder that holds something else
 */
export async function writePackedFolder(
  folder: string,
  packed: PackedModel,
  sidecar: Sidecar | undefined,
): Promise<void> {
  const target = resolve(folder);
  await checkReplaceable(target, folder);
  const scratch = join(dirname(target), `.${basename(target)}-${randomUUID()}`);
  try {
    // Not a private temporary folder: the server that is to read it may be another user's.
    await mkdir(scratch, { recursive: true });
    await writeFiles(scratch, packed, sidecar);
    await rm(target, { recursive: true, force: true });
    await rename(scratch, target);
  } catch (cause) {
    await rm(scratch, { recursive: true, force: true });
    throw cliError('CLI_FILE_UNWRITABLE', { path: folder, reason: reasonOf(cause) }, { cause });
  }
}

/**
 * Reads a packed model whole, every file checked against its hash.
 *
 * @throws D3Error `CLI_FILE_UNREADABLE`, `CLI_MODEL_DAMAGED`, and what parsing a manifest throws
 */
export async function readPackedFolder(folder: string): Promise<PackedModel> {
  const expected = 'an ONNX file or a packed folder';
  const manifest = parseManifest(await readFileBytes(join(folder, PACKED_FILES.manifest), expected));
  const graph = await readChecked(folder, PACKED_FILES.graph, manifest.hash);
  const weights = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const { id } of manifest.weights) {
    if (!weights.has(id)) weights.set(id, await readChecked(folder, join('weights', id), id));
  }
  return { manifest, graph, weights };
}

async function writeFiles(folder: string, packed: PackedModel, sidecar: Sidecar | undefined): Promise<void> {
  await mkdir(join(folder, 'weights'));
  await writeFile(join(folder, PACKED_FILES.manifest), encodeManifest(packed.manifest));
  await writeFile(join(folder, PACKED_FILES.graph), packed.graph);
  for (const [id, bytes] of packed.weights) await writeFile(join(folder, 'weights', id), bytes);
  if (sidecar !== undefined) await writeFile(join(folder, PACKED_FILES.sidecar), `${JSON.stringify(sidecar)}\n`);
}

async function readChecked(folder: string, file: string, sha256: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readFileBytes(join(folder, file), 'a whole packed folder');
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual === sha256) return bytes;
  const reason = `the SHA-256 of ${file} is ${actual.slice(0, 12)}… and should be ${sha256.slice(0, 12)}…`;
  throw cliError('CLI_MODEL_DAMAGED', { path: folder, reason });
}

async function checkReplaceable(target: string, folder: string): Promise<void> {
  const names = await readdir(target).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw cliError('CLI_FILE_UNWRITABLE', { path: folder, reason: reasonOf(cause) }, { cause });
  });
  const known: readonly string[] = [...Object.values(PACKED_FILES), 'weights'];
  if (names.every((name) => known.includes(name))) return;
  throw cliError('CLI_FILE_UNWRITABLE', { path: folder, reason: 'it is a folder that holds something else' });
}
