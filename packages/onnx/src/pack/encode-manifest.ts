import type { Manifest } from '../manifest.ts';
import type { Bytes } from '../proto/model.ts';

/** The bytes of manifest.json: one line of JSON, keys in declaration order, the same everywhere. */
export function encodeManifest(manifest: Manifest): Bytes {
  return new TextEncoder().encode(`${JSON.stringify(manifest)}\n`);
}
