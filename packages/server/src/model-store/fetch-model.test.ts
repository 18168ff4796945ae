import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchModel, get, readBytes } from './fetch-model.ts';

let server: Server | undefined;
let folder = '';

/** A server that answers everything with the start of a long body, and then breaks the connection if it is told to. */
async function startServer({ breaks }: { breaks: boolean }): Promise<string> {
  const started = createServer((_, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('x'.repeat(100));
    if (breaks) setTimeout(() => response.destroy(), 20);
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  if (folder !== '') await rm(folder, { recursive: true, force: true });
});

describe('readBytes()', () => {
  it('rejects when the connection breaks within the body', async () => {
    const response = await get({ url: await startServer({ breaks: true }) }, '/');
    await expect(readBytes(response, 1000)).rejects.toThrow();
  });

  it('stops at its limit, without waiting for the rest', async () => {
    const response = await get({ url: await startServer({ breaks: false }) }, '/');
    await expect(readBytes(response, 99)).rejects.toThrow('more than the 99 bytes');
  });
});

describe('fetchModel()', () => {
  it('says so when the connection breaks, and leaves nothing behind', async () => {
    folder = await mkdtemp(join(tmpdir(), 'd3-fetch-'));
    const url = await startServer({ breaks: true });
    await expect(fetchModel({ url }, 'a'.repeat(64), folder)).rejects.toMatchObject({
      code: 'SERVER_MODEL_FETCH_FAILED',
    });
    expect(await readdir(folder)).toEqual([]);
  });
});
