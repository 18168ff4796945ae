import { describe, expect, it } from 'vitest';
import type { Host } from './host.ts';
import { edgeUnreachable, Uplink } from './uplink.ts';

/** An edge in memory that says `text` once it has been greeted. */
class TalkativeEdge {
  binaryType = 'blob';
  readonly bufferedAmount = 0;
  readonly readyState = 1;
  readonly #text: string;
  #hear: (event: { readonly data: string }) => void = () => undefined;

  constructor(text: string) {
    this.#text = text;
  }

  addEventListener(type: string, listener: (event: { readonly data: string }) => void): void {
    if (type === 'message') this.#hear = listener;
  }

  send(text: string): void {
    const { type, id, body } = JSON.parse(text);
    const padding = '.'.repeat(body.answerBytes ?? 0);
    const reply = type === 'hello' ? WELCOME : { sentMs: body.sentMs, receivedMs: performance.now(), padding };
    setTimeout(() => this.#hear({ data: JSON.stringify({ type, id, reply }) }), 1);
    if (type === 'hello') setTimeout(() => this.#hear({ data: this.#text }), 1);
  }

  close(): void {}
}

const PROFILE = { tier: 'edge', backend: 'cpu', gflops: 10, fixedMs: 0, concurrency: 1, slowdown: 1 };
const WELCOME = {
  protocol: 1,
  tiers: [{ profile: PROFILE, numericClass: 'test' }],
  links: [],
  limits: { maxTensorBytes: 1, maxFrameBytes: 1, maxInFlight: 1 },
  models: {},
};

describe('Uplink.open()', () => {
  it('loses nothing of what the edge says while the link is measured', async () => {
    const open = (notice: object) => {
      const host = { createSocket: () => new TalkativeEdge(JSON.stringify(notice)) } as unknown as Host;
      const address = { link: 'ws://edge.test/d3/link', models: 'http://edge.test/d3/models/' };
      const hello = { protocol: 1, tier: 'device', agent: 'test', numericClass: 'test' } as const;
      return Uplink.open(host, { address, hello });
    };
    const slower = await open({ type: 'status', notice: { profiles: [{ ...PROFILE, gflops: 1 }], links: [] } });
    expect(slower.profiles[0]?.gflops).toBe(1);
    expect((await open({ type: 'draining', notice: { reason: 'an update' } })).draining).toBe(true);
  });
});

describe('edgeUnreachable()', () => {
  const failure = { edge: 'ws://10.0.0.2:7001/d3/link', problem: 'closed with 1006' };
  const hostWith = (state: string | undefined) =>
    ({ localNetworkPermission: () => Promise.resolve(state) }) as unknown as Host;

  it('names the address, the problem and the remedy', async () => {
    expect(await edgeUnreachable(hostWith(undefined), failure)).toMatchObject({
      code: 'CLIENT_EDGE_UNREACHABLE',
      message:
        'Cannot reach the edge at ws://10.0.0.2:7001/d3/link: closed with 1006. Check the address and that an edge listens there.',
    });
  });

  it('says what the browser tells of its permission to reach private addresses', async () => {
    expect(await edgeUnreachable(hostWith('denied'), failure)).toMatchObject({
      message: expect.stringContaining("(Local Network Access) is 'denied'"),
      details: { permissionState: 'denied' },
    });
  });
});
