import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { LinkSocket } from '@d3/protocol';
import { createNodeBackend } from '@d3/runtime/node';
import { WebSocket } from 'ws';
import { drawInput } from '../session-core/draw-input.ts';
import type { BlobCache, Host } from '../session-core/host.ts';
import { MemoryCache } from '../session-core/memory-cache.ts';
import { FolderCache } from './folder-cache.ts';

const MAX_MESSAGE_BYTES = 64 << 20;
/** Of the machine's memory, for weights: they lie there once more while a session is built. */
const MEMORY_SHARE = 0.25;

/**
 * Node as the session core sees it.
 *
 * @param cacheFolder - where weights and profiles are kept; in memory without one
 */
export function nodeHost(cacheFolder?: string): Host {
  const cache: BlobCache = cacheFolder === undefined ? new MemoryCache() : new FolderCache(cacheFolder);
  return {
    machine: `${cpus()[0]?.model ?? 'unknown'} ×${cpus().length} node ${process.version}`,
    backends: ['cpu'],
    cache,
    memoryBytes: totalmem() * MEMORY_SHARE,
    fetch: (url, init) => (url.startsWith('file:') ? readLocal(url) : fetch(url, init)),
    createSocket,
    openBackend: ({ slowdown }) => createNodeBackend({ slowdown }),
    drawPicture: (picture, entry) => Promise.resolve(picture).then((source) => drawInput(source, entry)),
    localNetworkPermission: () => Promise.resolve(undefined),
  };
}

function createSocket(url: string): LinkSocket {
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });
  // Without a listener Node would end the process; the close event that follows is what the link hears.
  socket.on('error', () => undefined);
  return socket as unknown as LinkSocket;
}

/** A packed model's folder on this machine, answered as a server would. */
async function readLocal(url: string): Promise<Response> {
  try {
    return new Response(new Uint8Array(await readFile(fileURLToPath(url))));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return new Response('no such file', { status: 404 });
    throw error;
  }
}
