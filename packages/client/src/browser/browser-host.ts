import type { LinkSocket } from '@d3/protocol';
import { createWebBackend } from '@d3/runtime/web';
import type { Host } from '../session-core/host.ts';
import { CacheApiCache } from './cache-api-cache.ts';
import { PictureDrawer } from './picture-drawer.ts';

/** Names of the permission, the newer ones first; each browser version knows some. */
const PERMISSIONS = ['local-network', 'local-network-access', 'loopback-network'] as const;

/** A browser's worker as the session core sees it. */
export function browserHost(): Host {
  const { origin } = globalThis;
  const drawer = new PictureDrawer();
  const threads = `${navigator.hardwareConcurrency} ${globalThis.crossOriginIsolated ? 'isolated' : 'shared'}`;
  return {
    machine: `${navigator.userAgent} ${threads}`,
    backends: ['webgpu', 'wasm'],
    cache: new CacheApiCache(),
    memoryBytes: weightMemoryBytes(),
    ...(origin.startsWith('https:') && { securePage: origin }),
    fetch: (url, init) => fetch(url, init),
    createSocket: (url) => new WebSocket(url) as unknown as LinkSocket,
    openBackend: ({ name, slowdown, assets = DEFAULT_ASSETS }) => {
      if (name === 'cpu') throw new RangeError('A browser has no backend cpu');
      return createWebBackend({ name, slowdown, assets });
    },
    drawPicture: (picture, entry) => drawer.draw(picture, entry),
    localNetworkPermission,
  };
}

const GIB = 2 ** 30;
/** What is taken for the memory of a browser that does not tell: that of a small phone. */
const UNTOLD_GIB = 2;
/** Pages of larger devices get no more either: wasm addresses 4 GiB, and weights lie in memory twice while a session is built. */
const MOST_BYTES = GIB;

/** An eighth of the memory that the browser tells of, which it rounds, and caps at 8 GiB, for privacy. */
function weightMemoryBytes(): number {
  const { deviceMemory = UNTOLD_GIB } = navigator as { readonly deviceMemory?: number };
  return Math.min(MOST_BYTES, (deviceMemory * GIB) / 8);
}

/** Where the Vite plugin of `@d3/runtime/vite` puts onnxruntime-web's files. */
const DEFAULT_ASSETS = '/ort/';

async function localNetworkPermission(): Promise<string | undefined> {
  for (const name of PERMISSIONS) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state;
    } catch {
      // This browser does not know the name.
    }
  }
  return undefined;
}
