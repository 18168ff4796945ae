import { dirname, join } from 'node:path';
import { externalPaths, type Manifest, modelNameOf, type PackedModel, packModel } from '@d3/onnx';
import { parseSidecar, type Sidecar } from '@d3/runtime';
import { inferShapes } from '@d3/runtime/node';
import { PACKED_FILES, readPackedFolder } from './packed-folder.ts';
import { pathKind, readFileBytes, readJson } from './read-file.ts';

/** A model of the user's, packed: from an ONNX file on the spot, or from a packed folder as it is. */
export interface OpenModel {
  readonly packed: PackedModel;
  readonly manifest: Manifest;
  /** Parsed and checked against the model; labels inlined. */
  readonly sidecar: Sidecar | undefined;
  /** Where its sidecar is or should be. */
  readonly sidecarPath: string;
  /** The ONNX file that it was packed from, if that was given. */
  readonly source: SourceFile | undefined;
}

/** An ONNX file with the data files that it names. */
export interface SourceFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly external: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** How to open a model. */
export interface OpenOptions {
  /** Changes the file's bytes before they are packed, e.g. gives it other weights. */
  readonly transform?: (source: SourceFile) => SourceFile;
  /** Sizes of symbolic dimensions other than the batch. */
  readonly dims?: Readonly<Record<string, number>>;
}

/**
 * Opens what a command line calls MODEL: an ONNX file or a packed folder.
 *
 * @throws D3Error `CLI_FILE_UNREADABLE`, `CLI_MODEL_DAMAGED`, `RUNTIME_SIDECAR_INVALID` and what packing throws
 */
export async function openModel(path: string, options: OpenOptions = {}): Promise<OpenModel> {
  if ((await pathKind(path)) === 'folder') return openFolder(path);
  const read = await readSource(path);
  const source = options.transform?.(read) ?? read;
  const packed = await packModel(source.bytes, {
    name: modelNameOf(path),
    infer: inferShapes,
    external: source.external,
    ...(options.dims === undefined ? {} : { dims: options.dims }),
  });
  const sidecarPath = path.replace(/(\.onnx)?$/i, '.d3.json');
  const { manifest } = packed;
  return { packed, manifest, sidecar: await readSidecar(sidecarPath, manifest), sidecarPath, source };
}

async function openFolder(path: string): Promise<OpenModel> {
  const packed = await readPackedFolder(path);
  const sidecarPath = join(path, PACKED_FILES.sidecar);
  const { manifest } = packed;
  return { packed, manifest, sidecar: await readSidecar(sidecarPath, manifest), sidecarPath, source: undefined };
}

async function readSource(path: string): Promise<SourceFile> {
  const bytes = await readFileBytes(path, 'an ONNX file or a packed folder');
  const external = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of externalPaths(bytes)) {
    external.set(name, await readFileBytes(join(dirname(path), name), `the data file that '${path}' names`));
  }
  return { bytes, external };
}

async function readSidecar(path: string, manifest: Manifest): Promise<Sidecar | undefined> {
  if ((await pathKind(path)) === 'none') return undefined;
  const json = await readJson(path, 'a sidecar');
  const readText = async (file: string) =>
    new TextDecoder().decode(await readFileBytes(join(dirname(path), file), 'a file of labels'));
  return await parseSidecar(json, manifest, readText);
}
