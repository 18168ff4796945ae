import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bytes } from '../proto/model.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** The folder of third-party models, which are never part of this repository. */
export const MODELS: string = process.env.D3_MODELS ?? join(ROOT, '../shared/models');

/** Every model of {@link MODELS}, relative to it; empty, with a notice, when the folder is absent. */
export function thirdPartyModels(): readonly string[] {
  if (!existsSync(MODELS)) {
    console.warn(`Skipping third-party models: ${MODELS} is absent (set D3_MODELS)`);
    return [];
  }
  return readdirSync(MODELS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.onnx'))
    .sort();
}

/** The bytes of one of {@link thirdPartyModels}. */
export function readThirdParty(path: string): Bytes {
  return new Uint8Array(readFileSync(join(MODELS, path)));
}
