import { describe, expect, it } from 'vitest';
import {
  encodeManifest,
  exportSegment,
  extractSegment,
  modelNameOf,
  type PackedModel,
  packModel,
  segmentBoundary,
} from '../index.ts';
import {
  bytesOf,
  type Feeds,
  inferWithOrt,
  randomFeeds,
  relativeDistance,
  runModel,
  runSegment,
} from '../testing/ort.ts';
import { readThirdParty, thirdPartyModels } from '../testing/third-party-models.ts';

const pack = (path: string): Promise<PackedModel> =>
  packModel(readThirdParty(path), { name: modelNameOf(path), infer: inferWithOrt });

const all = (packed: PackedModel) => packed.manifest.layers.map((_, layer) => layer);

/** Runs consecutive ranges of layers one after the other and gives every tensor that crossed or came out. */
async function runRanges(packed: PackedModel, feeds: Feeds, cuts: readonly number[]): Promise<Feeds> {
  const borders = [0, ...cuts, packed.manifest.layers.length];
  let known = feeds;
  for (const [at, from] of borders.slice(0, -1).entries()) {
    const layers = all(packed).slice(from, borders[at + 1]);
    if (layers.length === 0) continue;
    const segment = extractSegment(packed, layers, { locate: ({ id }) => ({ path: id, offset: 0 }) });
    known = { ...known, ...(await runSegment(packed, segment, known)) };
  }
  return known;
}

describe.each(thirdPartyModels())('packModel() of %s', (path) => {
  const packed = pack(path);

  it('computes what the original does, within 1e-5', async () => {
    const model = await packed;
    const feeds = randomFeeds(model, 1);
    const folded = await runModel(exportSegment(model, all(model)), feeds, 'disabled');
    const original = await runModel(readThirdParty(path), feeds, 'disabled');
    for (const { name } of model.manifest.tensors.filter((tensor) => tensor.isOutput)) {
      // BatchNorm folded in double precision and rounded once: float32 noise over a few dozen layers.
      expect(relativeDistance(folded[name], original[name])).toBeLessThan(1e-5);
    }
  });

  it('gives segments that run in sequence to the bits of the whole', async () => {
    const model = await packed;
    const feeds = randomFeeds(model, 2);
    const count = model.manifest.layers.length;
    const whole = await runRanges(model, feeds, []);
    const cuts = [[1], [Math.floor(count / 3), Math.floor((2 * count) / 3)], [count - 1]];
    for (const cut of cuts) {
      const parts = await runRanges(model, feeds, cut);
      for (const { name } of model.manifest.tensors.filter((tensor) => tensor.isOutput)) {
        expect(Buffer.compare(bytesOf(parts[name]), bytesOf(whole[name])), `cut ${cut}, ${name}`).toBe(0);
      }
    }
  });

  it('shares memory with the file where nothing was folded', async () => {
    const bytes = readThirdParty(path);
    const model = await packModel(bytes, { name: 'm', infer: inferWithOrt });
    const folded = model.manifest.weights.filter((weight) => model.weights.get(weight.id)?.buffer !== bytes.buffer);
    expect(folded.every(({ name }) => /folded/.test(name) || path.startsWith('light'))).toBe(true);
  });

  it('is the same bytes each time', async () => {
    const model = await packed;
    const again = await pack(path);
    expect(Buffer.compare(encodeManifest(model.manifest), encodeManifest(again.manifest))).toBe(0);
    expect(Buffer.compare(model.graph, again.graph)).toBe(0);
  });

  it('orders layers topologically and lists every tensor they touch', async () => {
    const { manifest } = await packed;
    const known = new Set(manifest.tensors.filter((tensor) => tensor.isInput).map((tensor) => tensor.name));
    for (const layer of manifest.layers) {
      for (const name of layer.inputs) expect(known.has(name), `${layer.name} reads ${name}`).toBe(true);
      for (const name of layer.outputs) known.add(name);
    }
    expect(manifest.tensors.map((tensor) => tensor.name).sort()).toEqual([...known].sort());
    expect(segmentBoundary(manifest, all(await packed)).outputs.every((tensor) => tensor.isOutput)).toBe(true);
  });
});
