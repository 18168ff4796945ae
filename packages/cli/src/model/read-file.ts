import { readFile, stat } from 'node:fs/promises';
import { cliError } from '../errors.ts';

/**
 * Reads a file into memory of its own.
 *
 * @param expected - what the file should have been, for the error's text, e.g. `an ONNX file`
 * @throws D3Error `CLI_FILE_UNREADABLE`
 */
export async function readFileBytes(path: string, expected: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const bytes = await readFile(path);
    return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  } catch (cause) {
    throw cliError('CLI_FILE_UNREADABLE', { path, reason: reasonOf(cause), expected }, { cause });
  }
}

/**
 * Reads a JSON file.
 *
 * @throws D3Error `CLI_FILE_UNREADABLE`, `CLI_NOT_A_PLAN` when it is no JSON
 */
export async function readJson(path: string, expected: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readFileBytes(path, expected));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw cliError('CLI_NOT_A_PLAN', { path, expected, reason: reasonOf(cause) }, { cause });
  }
}

/** What lies at a path; `none` also when it cannot be reached. */
export async function pathKind(path: string): Promise<'file' | 'folder' | 'none'> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return 'none';
  return found.isDirectory() ? 'folder' : 'file';
}

/** Why the file system refused, in a few words. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is a file',
    EACCES: 'access is denied',
    ENOSPC: 'the disk is full',
  };
  return words[code ?? ''] ?? (error instanceof Error ? error.message : String(error));
}
