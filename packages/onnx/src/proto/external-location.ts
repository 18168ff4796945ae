import { onnxError } from '../errors.ts';
import type { ExternalLocation } from './model.ts';

const MAX_PATH_CHARACTERS = 1024;

/**
 * Parses the external_data entries of an initializer. The path must be relative, with forward slashes, and stay in the
 * model's folder: a model from the net must not make its reader open other files.
 *
 * @throws D3Error `ONNX_EXTERNAL_PATH`; RangeError for offsets that are no numbers
 */
export function parseExternalLocation(tensor: string, entries: ReadonlyMap<string, string>): ExternalLocation {
  const given = entries.get('location') ?? '';
  const path = given.startsWith('./') ? given.slice(2) : given;
  if (!isPlainPath(path)) throw onnxError('ONNX_EXTERNAL_PATH', { tensor, path: given.slice(0, MAX_PATH_CHARACTERS) });
  const offset = parseCount(tensor, entries.get('offset') ?? '0');
  const length = entries.get('length');
  return length === undefined ? { path, offset } : { path, offset, length: parseCount(tensor, length) };
}

function isPlainPath(path: string): boolean {
  if (path.length === 0 || path.length > MAX_PATH_CHARACTERS) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this refuses.
  if (/[\\:\u0000-\u001f]/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function parseCount(tensor: string, text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new RangeError(`external data of '${tensor}' has offset or length '${text}'`);
  return value;
}
