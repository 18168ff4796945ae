import { rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildModel } from '@d3/onnx';
import { type Network, seededChunks } from '@d3/zoo';
import { cliError } from '../errors.ts';
import { reasonOf } from '../model/read-file.ts';

/** Where a network goes. */
export interface NetworkTarget {
  readonly folder: string;
  readonly seed: number;
  /** 0 … 1. */
  readonly onProgress?: (fraction: number) => void;
  /** Stops the writing; what was written until then goes. */
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface WrittenNetwork {
  readonly file: string;
  readonly weightBytes: number;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Writes a network and its seeded weights, a few megabytes at a time. Both files have scratch names until they are whole, so that an
 * interrupted or failed write leaves what was there before and nothing else.
 *
 * @throws D3Error `CLI_FILE_UNWRITABLE`; the signal's reason
 */
export async function writeNetwork(network: Network, target: NetworkTarget): Promise<WrittenNetwork> {
  const { folder } = target;
  const file = join(folder, `${network.name}.onnx`);
  const weights = join(folder, network.weightsPath);
  const scratch = [file, weights].map((path) => `${path}.${process.pid}.partial`) as [string, string];
  const keepSignals = removeOnSignal(scratch);
  try {
    await mkdir(folder, { recursive: true });
    const weightBytes = await writeWeights(network, scratch[1], target);
    await writeFile(scratch[0], buildModel(network.spec));
    target.signal?.throwIfAborted();
    await rename(scratch[1], weights);
    await rename(scratch[0], file);
    return { file, weightBytes };
  } catch (cause) {
    await Promise.all(scratch.map((path) => rm(path, { force: true }).catch(() => undefined)));
    if (target.signal?.aborted) throw cause;
    throw cliError('CLI_FILE_UNWRITABLE', { path: folder, reason: reasonOf(cause) }, { cause });
  } finally {
    keepSignals();
  }
}

async function writeWeights(network: Network, path: string, target: NetworkTarget): Promise<number> {
  const { seed, onProgress, signal } = target;
  const total = network.weights.reduce((sum, { external }) => sum + external.length, 0);
  const file = await open(path, 'w');
  try {
    for (const { offset, bytes } of seededChunks(network, { seed })) {
      signal?.throwIfAborted();
      await writeAll(file, bytes, offset);
      onProgress?.((offset + bytes.length) / total);
    }
    return total;
  } finally {
    await file.close();
  }
}

/** One write may take less than it is given. */
async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
  }
}

/** Takes these files away when the user interrupts; returns what ends the watch. */
function removeOnSignal(paths: readonly string[]): () => void {
  const forget = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    forget();
    for (const path of paths) rmSync(path, { force: true });
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return forget;
}
