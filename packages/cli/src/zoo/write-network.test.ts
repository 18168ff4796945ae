import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { networks } from '@d3/zoo';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratchFolder } from '../testing/spawn-d3.ts';
import { writeNetwork } from './write-network.ts';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const MEGABYTE = 2 ** 20;

let folder = '';
beforeEach(() => {
  folder = scratchFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('writeNetwork()', () => {
  it('writes the 553 MB of VGG-16 in less than 200 MB more memory than the program itself has', {
    timeout: 180_000,
  }, () => {
    const idle = peakBytes(['zoo', '--json']);
    const peak = peakBytes(['zoo', 'vgg16', '-o', folder, '--json']);
    expect(statSync(join(folder, 'vgg16.weights')).size).toBe(4 * 138_357_544);
    expect(peak - idle).toBeLessThan(200 * MEGABYTE);
    console.log(`VGG-16: ${((peak - idle) / MEGABYTE).toFixed(0)} MB above ${(idle / MEGABYTE).toFixed(0)} MB`);
  });

  it('tells how far it is, up to the end', async () => {
    const fractions: number[] = [];
    await writeNetwork(networks['mobilenet-v2'](), { folder, seed: 1, onProgress: (done) => fractions.push(done) });
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
  });

  it('keeps the whole model that was there when it is stopped half-way', async () => {
    const network = networks.resnet18();
    const { file } = await writeNetwork(network, { folder, seed: 1 });
    const before = statSync(file).mtimeMs;
    const controller = new AbortController();
    const stop = (done: number) => done > 0.5 && controller.abort(new Error('enough'));
    const writing = writeNetwork(network, { folder, seed: 2, onProgress: stop, signal: controller.signal });
    await expect(writing).rejects.toThrow('enough');
    expect(readdirSync(folder).sort()).toEqual(['resnet18.onnx', 'resnet18.weights']);
    expect(statSync(file).mtimeMs).toBe(before);
  });

  it('fails typed where it cannot write, and leaves no scratch file', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    await expect(writeNetwork(networks.alexnet(), { folder: file, seed: 1 })).rejects.toMatchObject({
      code: 'CLI_FILE_UNWRITABLE',
    });
    mkdirSync(join(folder, 'net', 'resnet18.onnx', 'inside'), { recursive: true });
    const blocked = writeNetwork(networks.resnet18(), { folder: join(folder, 'net'), seed: 1 });
    await expect(blocked).rejects.toMatchObject({ code: 'CLI_FILE_UNWRITABLE' });
    expect(readdirSync(join(folder, 'net')).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });
});

/** The most memory that `d3` with these arguments had at once, in a process of its own. */
function peakBytes(args: readonly string[]): number {
  const script = `import { main } from ${JSON.stringify(join(DIST, 'main.js'))};
    const terminal = { out() {}, err() {}, interactive: false };
    if ((await main(${JSON.stringify(args)}, terminal)) !== 0) process.exit(1);
    process.stdout.write(String(process.resourceUsage().maxRSS));`;
  return 1024 * Number(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));
}
