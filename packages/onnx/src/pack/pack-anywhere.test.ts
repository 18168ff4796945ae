import { env, InferenceSession } from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { encodeManifest, packModel, type ShapeInference } from '../index.ts';
import { ODD_GRAPHS } from '../testing/odd-graphs.ts';
import { inferWithOrt } from '../testing/ort.ts';
import { readThirdParty, thirdPartyModels } from '../testing/third-party-models.ts';

env.wasm.numThreads = 1;

/** Shapes by the runtime that browsers have. */
const inferWithWasm: ShapeInference = async (model) => {
  const session = await InferenceSession.create(model, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  const values = session.outputMetadata.flatMap((value) =>
    value.isTensor ? [{ name: value.name, type: value.type, shape: value.shape }] : [],
  );
  await session.release();
  return values;
};

const models = thirdPartyModels()
  .filter((path) => /ultraface|shufflenet/.test(path))
  .map((path) => [path, readThirdParty(path)] as const);

describe('packModel() with the shapes of another runtime', () => {
  it.each([...models, ...ODD_GRAPHS])('gives the same bytes for %s', async (_, bytes) => {
    const native = await packModel(bytes, { name: 'model', infer: inferWithOrt });
    const wasm = await packModel(bytes, { name: 'model', infer: inferWithWasm });
    expect(Buffer.compare(encodeManifest(wasm.manifest), encodeManifest(native.manifest))).toBe(0);
    expect(Buffer.compare(wasm.graph, native.graph)).toBe(0);
  });
});
