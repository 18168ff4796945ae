import { rmSync } from 'node:fs';
import type { NetworkName } from '@d3/zoo';
import { describe, expect, it } from 'vitest';
import { d3Json } from '../testing/run-d3.ts';
import { scratchFolder } from '../testing/spawn-d3.ts';
import type { ModelVerdict } from '../verify/verdict.ts';

/** The rest is verified too where D3_SOAK is set: it takes minutes and gigabytes. */
const soak = process.env.D3_SOAK !== undefined;
if (!soak) console.warn('Skipped: d3 verify of AlexNet, VGG-16, Darknet-53 and Inception-v4 (set D3_SOAK)');

/** Every cut but of DeiT's 211, which take a minute. */
const small = [
  { name: 'resnet18', level: 'extended', cuts: 23, random: 16 },
  { name: 'mobilenet-v2', level: 'extended', cuts: 54, random: 16 },
  { name: 'yolov3-tiny', level: 'extended', cuts: 20, random: 16 },
  { name: 'deit-tiny', level: 'basic', cuts: 24, random: 12 },
] as const;

const large = [
  ['alexnet', 6, 4],
  ['vgg16', 4, 2],
  ['darknet53', 12, 6],
  ['inception-v4', 12, 6],
] as const;

describe('d3 verify of the zoo', () => {
  it.each(small)('finds $name lossless in $cuts cuts', async ({ name, level, cuts, random }) => {
    const verdict = await verdictOf(name, { cuts, random });
    expect(verdict).toMatchObject({ lossless: true, vacuous: false, level });
    expect(verdict.cuts).toEqual({ tested: cuts, identical: cuts, maxAbsDiff: 0 });
    expect(verdict.random).toEqual({ tested: random, identical: random, maxAbsDiff: 0 });
    expect(verdict.original?.relative ?? 0).toBeLessThan(1e-4);
  });

  it.skipIf(!soak).each(large)('finds %s lossless', { timeout: 600_000 }, async (name, cuts, random) => {
    const verdict = await verdictOf(name, { cuts, random });
    expect(verdict).toMatchObject({ lossless: true, vacuous: false });
    expect(verdict.cuts).toEqual({ tested: cuts, identical: cuts, maxAbsDiff: 0 });
    expect(verdict.random).toEqual({ tested: random, identical: random, maxAbsDiff: 0 });
  });
});

async function verdictOf(
  name: NetworkName,
  { cuts, random }: { readonly cuts: number; readonly random: number },
): Promise<ModelVerdict> {
  const cwd = scratchFolder();
  try {
    await d3Json(['zoo', name, '-o', '.'], cwd);
    const args = ['verify', `${name}.onnx`, '--cuts', String(cuts), '--random', String(random)];
    const { json } = await d3Json<{ models: ModelVerdict[] }>(args, cwd);
    const [verdict] = json.models;
    if (verdict === undefined) throw new Error(`No verdict on ${name}`);
    return verdict;
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
