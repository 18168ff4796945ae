import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderCache } from './folder-cache.ts';

let root = '';
const bytes = new Uint8Array([1, 2, 3]);

describe('FolderCache', () => {
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'd3-cache-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('keeps blobs between lives, in a folder that it makes, and leaves no half files', async () => {
    const folder = join(root, 'a', 'b');
    await new FolderCache(folder).put('key', bytes);
    expect(await new FolderCache(folder).get('key')).toEqual(bytes);
    expect(await new FolderCache(folder).has('key')).toBe(true);
    expect(await new FolderCache(folder).has('other')).toBe(false);
    expect(await readdir(folder)).toEqual(['key']);
    await new FolderCache(folder).delete('key');
    expect(await new FolderCache(folder).get('key')).toBeUndefined();
  });

  it('keeps in memory what the disk refuses', async () => {
    const file = join(root, 'file');
    await writeFile(file, 'no folder');
    const cache = new FolderCache(file);
    await cache.put('key', bytes);
    expect(await cache.get('key')).toEqual(bytes);
  });

  it('does not let a key leave its folder', async () => {
    const folder = join(root, 'inner');
    await new FolderCache(folder).put('../outer', bytes);
    expect(await readdir(root)).toEqual(['inner']);
  });
});
