import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { InferJson } from '../infer/infer-json.ts';
import { d3, d3Json } from '../testing/run-d3.ts';
import { SKETCH, SKETCH_FISH, scratchFolder, spawnD3, startD3 } from '../testing/spawn-d3.ts';

const running: ChildProcess[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) await stop(child);
});

/** Asks a server to end, as an operator does. */
async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  const [code] = await ended;
  return code as number | null;
}

/** Starts `d3 serve` on a free port and waits for the line that says where it is. */
async function serve(args: readonly string[], cwd: string): Promise<{ child: ChildProcess; link: string }> {
  const child = startD3(['serve', ...args, '--port', '0', '--workers', '1', '--log-level', 'error'], cwd);
  running.push(child);
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    const link = /ws:\/\/\S+\/d3\/link/.exec(text)?.[0];
    if (link !== undefined) return { child, link };
  }
  throw new Error(`No address was printed: ${text}`);
}

describe('d3 serve', () => {
  it('is an edge and a cloud for d3 infer --edge, and ends on SIGTERM', async () => {
    const cwd = scratchFolder();
    await d3(['pack', SKETCH], cwd);
    const cloud = await serve(['cloud'], cwd);
    const edge = await serve(['edge', '--upstream', cloud.link, '--models', 'none', '--slowdown', 'edge=2'], cwd);
    const pins = ['--pin', 'first=device', '--pin', '12=edge', '--pin', 'last=cloud'];
    const { json } = await d3Json<InferJson>(['infer', SKETCH, SKETCH_FISH, '--edge', edge.link, ...pins], cwd);
    expect(json.top[0]).toMatchObject({ index: 8, label: 'fish' });
    expect(json.placement.map(({ tier, emulated }) => [tier, emulated])).toEqual([
      ['device', false],
      ['edge', true],
      ['cloud', false],
    ]);
    expect(await stop(edge.child)).toBe(0);
    expect(await stop(cloud.child)).toBe(0);
  });

  it('refuses to listen for others without a token, and options that it cannot use', async () => {
    const open = await spawnD3(['serve', 'cloud', '--host', '0.0.0.0', '--port', '0']);
    expect(open.code).toBe(2);
    expect(open.stderr).toContain('SERVER_TOKEN_REQUIRED');
    const fog = await d3(['serve', 'fog']);
    expect(fog.code).toBe(2);
    expect(fog.stderr).toContain('edge, cloud');
    const slow = await d3(['serve', 'edge', '--slowdown', 'cloud=2']);
    expect(slow.code).toBe(2);
    expect(slow.stderr).toContain("Option --slowdown names tier 'cloud'");
  });
});
