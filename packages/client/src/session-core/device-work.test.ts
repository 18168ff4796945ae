import type { Manifest } from '@d3/onnx';
import { segmentsOf } from '@d3/partition';
import type { SessionLease } from '@d3/runtime';
import { makeTensor, type TensorMap } from '@d3/tensor';
import { Random } from '@d3/testkit';
import { describe, expect, it } from 'vitest';
import { DeviceWork } from './device-work.ts';
import type { Epoch } from './epoch.ts';
import { stagesOf } from './make-epoch.ts';
import { runRequest } from './run-request.ts';

const LAYERS = 8;
/** Layer k reads the tensor before it, and every third one the tensor of three layers before as well. */
const manifest = {
  layers: Array.from({ length: LAYERS }, (_, k) => ({
    name: `l${k}`,
    kind: 'Conv',
    flops: 1,
    weightBytes: 0,
    inputs: [k === 0 ? 'x' : `t${k - 1}`, ...(k >= 3 && k % 3 === 0 ? [`t${k - 3}`] : [])],
    outputs: [`t${k}`],
  })),
  tensors: [
    { name: 'x', bytes: 4, isInput: true, isOutput: false },
    ...Array.from({ length: LAYERS }, (_, k) => ({
      name: `t${k}`,
      bytes: 4,
      isInput: false,
      isOutput: k === LAYERS - 1,
    })),
  ],
} as unknown as Manifest;

const scalar = (name: string, value: number) => makeTensor(name, 'float32', [1], Float32Array.of(value));
const numberIn = (tensors: TensorMap, name: string) =>
  new Float32Array(tensors[name]?.bytes.slice().buffer ?? new ArrayBuffer(4))[0] ?? Number.NaN;
const input = { tensor: (name: string) => (name === 'x' ? scalar('x', 1) : undefined), pixels: () => undefined };

/** What layers make of tensors: each the sum of what it reads, and its own number. */
function compute(layers: readonly number[], tensors: TensorMap): TensorMap {
  const made: Record<string, TensorMap[string]> = { ...tensors };
  for (const layer of layers) {
    const { inputs, outputs } = manifest.layers[layer] ?? { inputs: [], outputs: [] };
    const sum = inputs.reduce((total, name) => {
      if (made[name] === undefined) throw new Error(`layer ${layer} lacks ${name}`);
      return total + numberIn(made, name);
    }, layer);
    made[outputs[0] ?? ''] = scalar('', sum);
  }
  return made;
}

const whole = compute(
  Array.from({ length: LAYERS }, (_, k) => k),
  { x: scalar('x', 1) },
);

function readBeyond(layers: readonly number[]): string[] {
  const mine = new Set(layers);
  const made = layers.flatMap((layer) => manifest.layers[layer]?.outputs ?? []);
  const readers = manifest.layers.filter((_, layer) => !mine.has(layer)).flatMap(({ inputs }) => inputs);
  return made.filter((name) => readers.includes(name) || manifest.tensors.find((t) => t.name === name)?.isOutput);
}

/** An epoch whose segments compute here, and what crosses its hop. */
function epochOf(
  tierOf: readonly number[],
  options: { onto?: readonly (readonly number[])[]; fails?: boolean; crossed?: Set<string>; ran?: number[] } = {},
): Epoch {
  const { onto = [], fails = false, crossed = new Set(), ran = [] } = options;
  const segmentation = segmentsOf(manifest, tierOf, 2);
  const own = segmentation.segments[0]?.layers ?? [];
  const behind = segmentation.segments[1]?.layers ?? [];
  const stages = stagesOf(own, onto).map((layers) => ({ layers, lease: leaseOf(layers, ran) }));
  const uplink = {
    client: {
      infer: async ({ tensors }: { tensors: TensorMap }) => {
        for (const name of Object.keys(tensors)) crossed.add(name);
        if (fails) throw new Error('lost');
        const made = compute(behind, tensors);
        const outputs = Object.fromEntries(Object.entries(made).filter(([name]) => name === `t${LAYERS - 1}`));
        return {
          outputs,
          segments: [{ tier: 'edge', backend: 'cpu', layers: behind, computeMs: 1, queueMs: 0, slowdown: 1 }],
          hops: [],
          sent: [],
        };
      },
    },
  };
  const report = { problem: { tiers: ['device', 'edge'] } };
  const backend = { name: 'cpu', slowdown: 1 };
  const parts = {
    number: 1,
    report,
    tierOf,
    segmentation,
    stages,
    backend,
    uplink: behind.length > 0 ? uplink : undefined,
  };
  return { parts } as unknown as Epoch;
}

function leaseOf(layers: readonly number[], ran: number[]): SessionLease {
  const made = new Set(layers.flatMap((layer) => manifest.layers[layer]?.outputs ?? []));
  const reads = new Set(layers.flatMap((layer) => manifest.layers[layer]?.inputs ?? []));
  const inputs = [...reads].filter((name) => !made.has(name)).map((name) => ({ name }));
  const outputs = readBeyond(layers).map((name) => ({ name }));
  const run = async (tensors: TensorMap) => {
    ran.push(...layers);
    const all = compute(layers, tensors);
    return {
      outputs: Object.fromEntries(outputs.map(({ name }) => [name, all[name]])),
      computeMs: layers.length,
      queueMs: 0,
    };
  };
  return { session: { run }, model: { inputs, outputs } } as unknown as SessionLease;
}

const cut = (at: number) => Array.from({ length: LAYERS }, (_, layer) => (layer < at ? 0 : 1));
const requestWith = (work: DeviceWork) => ({
  manifest,
  input,
  work,
  signal: new AbortController().signal,
  deadlineAtMs: performance.now() + 1000,
});

describe('a request that runs again after a loss', () => {
  it('is sent from the cut again where the next plan leaves the device the same layers', async () => {
    const work = new DeviceWork();
    const ran: number[] = [];
    await expect(runRequest(epochOf(cut(4), { fails: true, ran }), requestWith(work))).rejects.toThrow('lost');
    const { outputs, placement } = await runRequest(epochOf(cut(4), { ran }), requestWith(work));
    expect(numberIn(outputs, 't7')).toBe(numberIn(whole, 't7'));
    expect(ran).toEqual([0, 1, 2, 3]);
    expect(placement.map(({ layers }) => layers)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
  });

  it('goes on from the cut where the device takes over the rest, in a stage of its own', async () => {
    const work = new DeviceWork();
    const ran: number[] = [];
    await expect(runRequest(epochOf(cut(4), { fails: true, ran }), requestWith(work))).rejects.toThrow('lost');
    const alone = epochOf(cut(LAYERS), { onto: [[0, 1, 2, 3]], ran });
    const { outputs, placement } = await runRequest(alone, requestWith(work));
    expect(numberIn(outputs, 't7')).toBe(numberIn(whole, 't7'));
    expect(ran).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(placement).toMatchObject([{ tier: 'device', layers: [0, 1, 2, 3, 4, 5, 6, 7], computeMs: 8 }]);
  });

  it('under any sequence of plans and losses gives the whole network’s answer, places each layer once, and sends nothing from before the kept layers', async () => {
    const random = new Random(12);
    const KEEP = 2;
    const secret = ['x'];
    for (let round = 0; round < 300; round += 1) {
      const work = new DeviceWork();
      const crossed = new Set<string>();
      let onto: readonly (readonly number[])[] = [];
      for (let losses = random.integer(0, 5); ; losses -= 1) {
        const tierOf = cut(random.integer(KEEP, LAYERS));
        const epoch = epochOf(tierOf, { onto: random.integer(0, 1) === 1 ? onto : [], fails: losses > 0, crossed });
        onto = epoch.parts.stages.map(({ layers }) => layers);
        const outcome = await runRequest(epoch, requestWith(work)).catch(() => undefined);
        if (outcome === undefined) continue;
        expect(numberIn(outcome.outputs, 't7')).toBe(numberIn(whole, 't7'));
        const placed = outcome.placement.flatMap(({ layers }) => layers).toSorted((a, b) => a - b);
        expect(placed).toEqual(Array.from({ length: LAYERS }, (_, layer) => layer));
        break;
      }
      expect(secret.filter((name) => crossed.has(name))).toEqual([]);
    }
  });
});

describe('stagesOf()', () => {
  it('builds on what is prepared only where that is a beginning of what is wanted', () => {
    expect(stagesOf([0, 1, 2], [])).toEqual([[0, 1, 2]]);
    expect(stagesOf([0, 1, 2], [[0], [1]])).toEqual([[0], [1], [2]]);
    expect(stagesOf([0, 1], [[0], [1]])).toEqual([[0], [1]]);
    expect(stagesOf([0, 1], [[0, 1, 2]])).toEqual([[0, 1]]);
    expect(stagesOf([], [[0]])).toEqual([]);
  });
});
