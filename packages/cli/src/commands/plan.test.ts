import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan, PlanReport } from '@d3/partition';
import { describe, expect, it } from 'vitest';
import { d3, d3Json } from '../testing/run-d3.ts';
import { SKETCH, scratchFolder, spawnD3Json } from '../testing/spawn-d3.ts';

function chosenPlan({ strategies, chosen }: PlanReport): Plan {
  return strategies[chosen] as Plan;
}

describe('d3 plan', () => {
  it('prints problem, strategies and explanation as the design has them', async () => {
    const { code, json } = await spawnD3Json<PlanReport>(['plan', SKETCH, '--link', 'device-edge=20mbit,5ms']);
    expect(code).toBe(0);
    expect(json.problem.tiers).toEqual(['device', 'edge', 'cloud']);
    expect(json.problem.hops[0]).toEqual({ upBytesPerMs: 2500, downBytesPerMs: 2500, delayMs: 5 });
    const input = json.problem.tensors.find((tensor) => tensor.isInput);
    // The drawing crosses as one byte a pixel, a quarter of its float32 bytes.
    expect(input?.codedBytes).toEqual([128 * 128, 128 * 128]);
    expect(Object.keys(json.strategies)).toEqual(
      expect.arrayContaining(['device-only', 'edge-only', 'cloud-only', 'optimal']),
    );
    expect(chosenPlan(json).tierOf).toHaveLength(json.problem.layers.length);
    expect(json.explain.sentence).not.toBe('');
  });

  it('reads its own problem back: same plan, and other options go over it', async () => {
    const cwd = scratchFolder();
    const args = ['plan', SKETCH, '--slowdown', 'device=20', '--keep-on-device', '2', '--pin', 'last=cloud'];
    const first = await d3Json<PlanReport>(args, cwd);
    writeFileSync(join(cwd, 'costs.json'), first.stdout);
    const again = await d3Json<PlanReport>(['plan', '--costs', 'costs.json'], cwd);
    expect(again.json).toEqual(first.json);
    expect(chosenPlan(first.json).tierOf.slice(0, 2)).toEqual([0, 0]);
    const over = await d3Json<PlanReport>(
      [
        'plan',
        SKETCH,
        '--costs',
        'costs.json',
        '--slowdown',
        'edge=3',
        '--objective',
        'throughput',
        '--memory',
        'edge=1MB',
      ],
      cwd,
    );
    const [was, is] = [first.json.problem, over.json.problem];
    expect(is.layers[0]?.computeMs[1]).toBeCloseTo(3 * (was.layers[0]?.computeMs[1] ?? 0));
    expect(is.layers[0]?.computeMs[0]).toBe(was.layers[0]?.computeMs[0]);
    expect(is.objective).toBe('throughput');
    expect(is.constraints).toMatchObject({ keepOnDevice: 2, memoryBytes: [null, 1e6, null] });
  });

  it('ends with 1 and says why when no plan meets the constraints', async () => {
    const args = ['plan', SKETCH, '--pin', 'first=cloud', '--keep-on-device', '1'];
    const { code, json } = await d3Json<PlanReport>(args);
    expect(code).toBe(1);
    expect(json.chosen).toBe('');
    expect(json.explain.sentence).toContain('No plan meets the constraints');
    const text = await d3(args);
    expect(text.code).toBe(1);
    expect(text.stdout).toContain('No plan meets the constraints');
  });

  it('says of a tier that is slowed that it is emulated', async () => {
    const { stdout } = await d3(['plan', SKETCH, '--slowdown', 'device=8']);
    expect(stdout).toContain('slowed ×8 (emulated)');
    expect(stdout).toContain('optimal');
  });

  it.each([
    [['--link', 'device-cloud=20mbit,5ms'], 'the links are device-edge, edge-cloud'],
    [['--link', 'device-edge=fast'], "Option --link is 'device-edge=fast'"],
    [['--pin', 'first=fog'], "Option --pin names tier 'fog', and the tiers are device, edge, cloud"],
    [['--pin', 'conv77=edge'], "names layer 'conv77'"],
    [['--memory', 'edge=much'], "Option --memory is 'edge=much'"],
    [['--slowdown', 'device=0.5'], 'with a factor of at least 1'],
    [['--objective', 'cost'], 'must be latency or throughput'],
    [['--keep-on-device', '0'], 'a whole number, at least 1'],
    [['--frobnicate'], "unknown option '--frobnicate'"],
  ])('answers %j with exit code 2 and what to write instead', async (args, text) => {
    const { code, stdout, stderr } = await d3(['plan', SKETCH, ...args]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(text);
  });

  it('refuses costs that are no problem', async () => {
    const cwd = scratchFolder();
    writeFileSync(join(cwd, 'text.json'), 'costs: none');
    writeFileSync(join(cwd, 'odd.json'), '{"problem": {"tiers": 3}}');
    expect(await d3(['plan', '--costs', 'text.json'], cwd)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('CLI_NOT_A_PLAN'),
    });
    expect(await d3(['plan', '--costs', 'odd.json'], cwd)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('PARTITION_PROBLEM_INVALID'),
    });
    expect(await d3(['plan'], cwd)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is no model to plan for'),
    });
  });
});
