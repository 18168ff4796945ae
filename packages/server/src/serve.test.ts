import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { LinkClient } from '@d3/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { readServerConfig } from './read-server-config.ts';
import { TestTiers } from './testing/tier.ts';

let tiers: TestTiers;
beforeEach(async () => {
  tiers = await TestTiers.create();
});
afterEach(async () => await tiers.close());

describe('serve()', () => {
  it.each(['0.0.0.0', '::', '192.168.1.7', 'edge.example'])('refuses to listen on %s without a token', async (host) => {
    await expect(tiers.start('edge', { host })).rejects.toMatchObject({
      code: 'SERVER_TOKEN_REQUIRED',
      details: { host },
    });
  });

  it.each([
    ['tier', { tier: '../edge' }],
    ['slowdown', { slowdown: 0.5 }],
    ['workers', { workers: 0 }],
    ['upstream', { upstream: 'ftp://cloud' }],
    ['allowOrigins', { allowOrigins: ['https://a.example/path'] }],
    ['token', { token: '' }],
    ['limits.maxInFlight', { limits: { maxInFlight: 0 } }],
  ])('refuses a wrong %s, naming it', async (option, options) => {
    await expect(tiers.start('edge', options)).rejects.toMatchObject({
      code: 'SERVER_OPTION_INVALID',
      details: { option },
    });
  });

  it('takes another port when its own is in use and it may, and says so when it may not', async () => {
    const { port } = await tiers.start('cloud');
    await expect(tiers.start('edge', { port })).rejects.toMatchObject({
      code: 'SERVER_LISTEN_FAILED',
      details: { port },
    });
    const other = await tiers.start('edge', { port, orFreePort: true });
    expect(other.port).not.toBe(port);
    expect((await fetch(`${other.url}/v2/health/live`)).status).toBe(200);
  });

  it('is not ready while its upstream is away', async () => {
    const edge = await tiers.start('edge', { upstream: 'ws://127.0.0.1:9' });
    const answer = await fetch(`${edge.url}/v2/health/ready`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ ready: false, reason: 'upstream ws://127.0.0.1:9/d3/link is away' });
  });

  it('measures itself once, keeps the result, and measures again when it cannot be read', async () => {
    const cache = join(tiers.folder, 'edge-cache');
    const first = await tiers.start('edge');
    const [profile] = first.app.d3.state.profiles();
    expect(profile).toMatchObject({ tier: 'edge', backend: 'cpu', concurrency: 1, slowdown: 1 });
    expect(profile?.gflops).toBeGreaterThan(0.1);
    await first.close();
    const file = (await readdir(cache)).find((name) => name.startsWith('profile-'));
    if (file === undefined) throw new TypeError('a profile file is expected');
    const kept = await readFile(join(cache, file), 'utf8');
    const second = await tiers.start('edge');
    expect(second.app.d3.state.profiles()[0]?.gflops).toBe(profile?.gflops);
    await second.close();
    await writeFile(join(cache, file), '{"format":1,"gflops":-1');
    const third = await tiers.start('edge');
    expect(third.app.d3.state.profiles()[0]?.gflops).toBeGreaterThan(0.1);
    expect(Object.keys(JSON.parse(await readFile(join(cache, file), 'utf8')))).toEqual(Object.keys(JSON.parse(kept)));
  });

  it('speaks https and wss when it has key and certificate', async ({ skip }) => {
    const [key, cert] = [join(tiers.folder, 'key.pem'), join(tiers.folder, 'cert.pem')];
    const made = spawnSync(process.env.OPENSSL ?? 'openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost'],
      ...['-keyout', key, '-out', cert],
    ]);
    if (made.status !== 0) skip('no openssl here to make a certificate with');
    const { url, link } = await tiers.start('edge', { tls: { key: await readFile(key), cert: await readFile(cert) } });
    expect(url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      request(`${url}/v2/health/live`, { rejectUnauthorized: false }, (answer) => resolve(answer.statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
    const socket = new WebSocket(link, { rejectUnauthorized: false });
    await new Promise((resolve) => socket.on('open', resolve));
    const device = new LinkClient(socket, { url: link, hop: 'device-edge' });
    const hello = { protocol: 1, tier: 'device', agent: 'test', numericClass: 'test' } as const;
    expect((await device.ask('hello', hello)).tiers[0]?.url).toBe(link);
    device.close();
  });
});

describe('readServerConfig()', () => {
  const read = (argv: readonly string[], env: Record<string, string> = {}) =>
    readServerConfig('edge', { argv, env, port: 7001 });

  it('puts arguments before environment before defaults', () => {
    expect(read([])).toMatchObject({ tier: 'edge', port: 7001, orFreePort: true });
    expect(read(['--port', '8000', '--slowdown=3'], { D3_PORT: '9000', D3_WORKERS: '2' })).toMatchObject({
      ...{ port: 8000, orFreePort: false, slowdown: 3, workers: 2 },
    });
    expect(read(['--allow-origin', 'https://a.example', '--allow-origin', 'https://b.example']).allowOrigins).toEqual([
      'https://a.example',
      'https://b.example',
    ]);
    expect(read([], { D3_ALLOW_ORIGIN: 'https://a.example, https://b.example' }).allowOrigins).toHaveLength(2);
  });

  it.each([
    [['--prot', '1'], 'SERVER_OPTION_INVALID'],
    [['--port', 'x'], 'SERVER_OPTION_INVALID'],
    [['--tls-key', 'k.pem'], 'SERVER_OPTION_INVALID'],
    [['--host', '0.0.0.0'], 'SERVER_TOKEN_REQUIRED'],
  ])('refuses %j, typed', (argv, code) => {
    expect(() => read(argv)).toThrow(expect.objectContaining({ code }));
  });
});
