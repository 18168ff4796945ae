import { segmentsOf } from '@d3/partition';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exportSegment, extractSegment, type Manifest, packModel, readModel, segmentBoundary } from '../index.ts';
import { bytesOf, inferWithOrt, randomFeeds, runModel } from '../testing/ort.ts';
import { allLayers, runParts } from '../testing/run-ranges.ts';
import { chain, decomposedTransformer, weight } from '../testing/toy-graphs.ts';

/** x → a → (b, c) → d, with a large weight in b and d. */
const diamond = packModel(
  chain(
    [1, 64],
    [
      { op: 'Relu', name: 'a', inputs: ['x'], outputs: ['ta'] },
      { op: 'MatMul', name: 'b', inputs: ['ta', 'w'], outputs: ['tb'] },
      { op: 'Neg', name: 'c', inputs: ['ta'], outputs: ['tc'] },
      { op: 'Concat', name: 'd', inputs: ['tb', 'tc', 'w1'], outputs: ['y'], attributes: { axis: 1 } },
    ],
    { initializers: [weight('w', [64, 64]), weight('w1', [1, 300])] },
  ),
  { name: 'diamond', infer: inferWithOrt },
);

const locate = ({ id }: { readonly id: string }) => ({ path: `blobs/${id}`, offset: 0 });

describe('extractSegment()', () => {
  it('takes what the layers read as inputs, and gives what others read', async () => {
    const packed = await diamond;
    const segment = extractSegment(packed, [1, 0], { locate });
    expect(segment.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(segment.outputs.map(({ name }) => name)).toEqual(['ta', 'tb']);
    expect(segment.weights.map(({ name }) => name)).toEqual(['w']);
    const { graph } = readModel(segment.bytes);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Relu', 'MatMul']);
    expect(graph.initializers).toMatchObject([
      { name: 'w', data: null, external: { path: `blobs/${segment.weights[0]?.id}` } },
    ]);
  });

  it('finds weights where locate() says', async () => {
    const packed = await diamond;
    const segment = extractSegment(packed, [1], { locate: () => ({ path: 'all.bin', offset: 4096 }) });
    expect(readModel(segment.bytes).graph.initializers[0]?.external).toEqual({
      path: 'all.bin',
      offset: 4096,
      length: 16384,
    });
  });

  it.each([
    ['another blob', { id: 'f'.repeat(64) }, 'weights/ffff'],
    ['another shape', { shape: [32, 128] }, 'float32 [64,64] there and float32 [32,128] here'],
    ['another name', { name: 'v' }, 'which is not listed'],
  ])(
    'refuses a manifest that gives %s for a weight than the graph, whose hash is the model’s',
    async (_, other, text) => {
      const { manifest, graph } = await diamond;
      const weights = manifest.weights.map((entry) => (entry.name === 'w' ? { ...entry, ...other } : entry));
      expect(() => extractSegment({ manifest: { ...manifest, weights }, graph }, [1], { locate })).toThrow(
        expect.objectContaining({ code: 'ONNX_PACK_INVALID', message: expect.stringContaining(text) }),
      );
    },
  );

  it.each([
    [[], 'it holds none, and a tier without layers needs no segment'],
    [[0, 0], 'one is named twice'],
    [[9], '9 is not one of 4 layers'],
    [[0, 3], "'tb' is made from what it gives and goes back into it"],
  ])('refuses the layers %j', async (layers, reason) => {
    const packed = await diamond;
    expect(() => extractSegment(packed, layers, { locate })).toThrow(
      expect.objectContaining({ code: 'ONNX_SEGMENT_INVALID', details: expect.objectContaining({ reason }) }),
    );
  });

  it('refuses a manifest of another graph', async () => {
    const { manifest, graph } = await diamond;
    const layers = manifest.layers.map((layer) => ({ ...layer, nodes: layer.nodes.map((node) => node + 50) }));
    expect(() => extractSegment({ manifest: { ...manifest, layers }, graph }, [0], { locate })).toThrow(
      expect.objectContaining({ code: 'ONNX_PACK_INVALID' }),
    );
  });
});

/** A valid assignment to three tiers: each layer at or after what it reads, moved on by the given steps. */
function assignmentOf(manifest: Manifest, steps: readonly number[]): readonly number[] {
  const tierOf = new Map<string, number>();
  return manifest.layers.map((layer, index) => {
    const least = Math.max(0, ...layer.inputs.map((name) => tierOf.get(name) ?? 0));
    const tier = Math.min(2, least + (steps[index] ?? 0));
    for (const name of layer.outputs) tierOf.set(name, tier);
    return tier;
  });
}

describe('segments of an assignment', () => {
  const transformer = packModel(decomposedTransformer(13), { name: 'transformer', infer: inferWithOrt });

  it('have the inputs and outputs that segmentsOf() names', async () => {
    const { manifest } = await transformer;
    const step = fc.constantFrom(0, 0, 0, 0, 0, 1);
    fc.assert(
      fc.property(fc.array(step, { minLength: manifest.layers.length, maxLength: manifest.layers.length }), (steps) => {
        for (const segment of segmentsOf(manifest, assignmentOf(manifest, steps), 3).segments) {
          if (segment.layers.length === 0) continue;
          const boundary = segmentBoundary(manifest, segment.layers);
          expect(boundary.inputs.map(({ name }) => name)).toEqual(segment.inputs);
          expect(boundary.outputs.map(({ name }) => name)).toEqual(segment.outputs);
        }
      }),
      { seed: 9, numRuns: 200 },
    );
  });

  it('run to the bits of the whole', async () => {
    const packed = await transformer;
    const feeds = randomFeeds(packed, 5);
    const whole = await runParts(packed, feeds, [allLayers(packed)]);
    for (const seed of [1, 2, 3]) {
      const steps = allLayers(packed).map((layer) => Number((layer * 7 + seed * 5) % 11 === 0));
      const tierOf = assignmentOf(packed.manifest, steps);
      const parts = segmentsOf(packed.manifest, tierOf, 3).segments.map((segment) => segment.layers);
      const split = await runParts(packed, feeds, parts);
      expect(Buffer.compare(bytesOf(split.y), bytesOf(whole.y))).toBe(0);
    }
  });
});

describe('exportSegment()', () => {
  it('gives plain files that run alone, one after the other', async () => {
    const packed = await diamond;
    const feeds = randomFeeds(packed, 1);
    const first = exportSegment(packed, [0, 1]);
    expect(readModel(first).graph.initializers.every((tensor) => tensor.external === undefined)).toBe(true);
    const middle = await runModel(first, feeds, 'extended');
    const split = await runModel(exportSegment(packed, [2, 3]), { ...middle }, 'extended');
    const whole = await runModel(exportSegment(packed, allLayers(packed)), feeds, 'extended');
    expect(Buffer.compare(bytesOf(split.y), bytesOf(whole.y))).toBe(0);
  });

  it('names a missing blob', async () => {
    const packed = { ...(await diamond), weights: new Map() };
    expect(() => exportSegment(packed, [1])).toThrow(expect.objectContaining({ code: 'ONNX_PACK_INVALID' }));
    expect(() => exportSegment(packed, [0])).not.toThrow();
  });
});
