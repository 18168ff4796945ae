import type { D3Error } from '@d3/errors';

/** A longer text is no list of labels. */
const MAX_LENGTH = 1 << 24;

/**
 * The labels of a file beside a sidecar: a JSON list of strings, or one label a line; a WordNet id before a label is left out.
 *
 * @param fail - makes the error for a reason
 * @throws what `fail` makes, for a name that leads elsewhere, a file that cannot be read, a list of anything but strings
 */
export async function readLabels(
  file: string,
  readFile: (file: string) => Promise<string>,
  fail: (reason: string) => D3Error,
): Promise<readonly string[]> {
  if (!/^[\w-][\w.-]*$/.test(file)) throw fail(`'${file}' must be the plain name of a file beside the sidecar`);
  const text = await readFile(file).catch((error: unknown) => {
    throw fail(`the file '${file}' cannot be read (${error instanceof Error ? error.message : error})`);
  });
  if (text.length > MAX_LENGTH) throw fail(`the file '${file}' has more than ${MAX_LENGTH} characters`);
  if (text.trimStart().startsWith('['))
    return parseList(text, () => fail(`the file '${file}' is not a JSON list of strings`));
  return text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .map((line) => line.replace(/^n\d{8}\s+/, '').trim());
}

function parseList(text: string, fail: () => D3Error): readonly string[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw fail();
  }
  if (!Array.isArray(list) || !list.every((label) => typeof label === 'string')) throw fail();
  return list;
}
