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
