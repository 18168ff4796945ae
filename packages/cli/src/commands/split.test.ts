import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SegmentModel } from '@d3/onnx';
import { readModel } from '@d3/onnx';
import type { PlanReport } from '@d3/partition';
import { createNodeBackend } from '@d3/runtime/node';
import { makeTensor, type TensorMap } from '@d3/tensor';
import { describe, expect, it } from 'vitest';
import { d3, d3Json } from '../testing/run-d3.ts';
import { SKETCH, scratchFolder, spawnD3Json } from '../testing/spawn-d3.ts';

interface Split {
  readonly parts: readonly { file: string; layers: string[]; inputs: string[]; outputs: string[] }[];
}

/** A file as a runtime sees it, with nothing but its bytes. */
function modelOf(path: string): SegmentModel {
  const bytes = new Uint8Array(readFileSync(path));
  const values = (list: ReturnType<typeof readModel>['graph']['inputs']) =>
    list.map(({ name, shape }) => {
      const known = (shape ?? []) as number[];
      const count = known.reduce((product, size) => product * size, 1);
      return { name, type: 'float32' as const, shape: known, bytes: 4 * count, isInput: false, isOutput: false };
    });
  const { inputs, outputs } = readModel(bytes).graph;
  return { bytes, inputs: values(inputs), outputs: values(outputs), weights: [] };
}

describe('d3 split', () => {
  it('writes files that run in sequence without anything else, to the bits of the model in one file', async () => {
    const cwd = scratchFolder();
    await d3(['pack', SKETCH, '-o', 'packed'], cwd);
    const parts = await spawnD3Json<Split>(['split', 'packed', '--at', 'first', '9', '-o', 'parts'], cwd);
    expect(parts.code).toBe(0);
    expect(parts.json.parts.map((part) => part.layers.length)).toEqual([1, 9, expect.any(Number)]);
    const whole = await d3Json<Split>(['split', 'packed', '--plan', await onePartPlan(cwd), '-o', 'whole'], cwd);
    expect(whole.json.parts).toHaveLength(1);
    const backend = await createNodeBackend();
    try {
      const run = async (folder: string, files: readonly { file: string }[], inputs: TensorMap) => {
        let known = inputs;
        for (const { file } of files) {
          const model = modelOf(join(cwd, folder, file));
          const session = await backend.prepare({
            id: file,
            model,
            level: 'extended',
            weights: { kind: 'blobs', blobs: new Map() },
          });
          const needed = model.inputs.map(({ name }) => [name, known[name]] as const);
          known = { ...known, ...(await session.run(Object.fromEntries(needed) as TensorMap)).outputs };
        }
        return known;
      };
      const [input] = modelOf(join(cwd, 'whole', whole.json.parts[0]?.file ?? '')).inputs;
      const values = Float32Array.from({ length: (input?.bytes ?? 0) / 4 }, (_, index) => Math.sin(index));
      const inputs = { [input?.name ?? '']: makeTensor('x', 'float32', input?.shape ?? [], values) };
      const output = whole.json.parts[0]?.outputs[0] ?? '';
      const split = await run('parts', parts.json.parts, inputs);
      expect(split[output]?.bytes).toEqual((await run('whole', whole.json.parts, inputs))[output]?.bytes);
    } finally {
      await backend.dispose();
    }
  });

  it('refuses a plan of another model, layers it does not know, and to be told nothing', async () => {
    const cwd = scratchFolder();
    const plan = await onePartPlan(cwd);
    const report = JSON.parse(readFileSync(join(cwd, plan), 'utf8')) as PlanReport;
    const layers = report.problem.layers.map((layer, index) => (index === 3 ? { ...layer, name: 'other' } : layer));
    writeFileSync(join(cwd, 'other.json'), JSON.stringify({ ...report, problem: { ...report.problem, layers } }));
    const cases = [
      [['--plan', 'other.json'], 3, "its layer 3 is 'other'"],
      [['--plan', 'nowhere.json'], 3, "Cannot read 'nowhere.json'"],
      [['--at', 'conv99'], 2, "layer 'conv99', and the model 'sketch-resnet' has no such layer"],
      [['--at', 'last'], 2, 'nothing follows it'],
      [[], 2, 'Neither --at nor --plan was given'],
    ] as const;
    for (const [args, code, text] of cases) {
      const ended = await d3(['split', SKETCH, ...args, '-o', 'out'], cwd);
      expect(ended.code).toBe(code);
      expect(ended.stderr).toContain(text);
    }
  });
});

/** A plan that puts everything on the cloud. */
async function onePartPlan(cwd: string): Promise<string> {
  const { stdout } = await d3(['plan', SKETCH, '--unavailable', 'device', '--unavailable', 'edge', '--json'], cwd);
  writeFileSync(join(cwd, 'plan.json'), stdout);
  return 'plan.json';
}
