import type { Manifest } from '@d3/onnx';
import { type Control, encodeControl, encodeFrame, encodeHeader, type LinkClient, parseControl } from '@d3/protocol';
import { makeTensor, type TensorMap } from '@d3/tensor';
import type {} from '@fastify/websocket';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Server } from '../serve.ts';
import { greet } from '../testing/device.ts';
import { packInto, randomInputs, SKETCH } from '../testing/models.ts';
import { TestTiers } from '../testing/tier.ts';

const HELLO = { protocol: 1, tier: 'device', agent: 'test', numericClass: 'test' } as const;

/** A socket that says what it likes, and collects what it hears. */
class RawLink {
  readonly socket: WebSocket;
  readonly heard: Control[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      if (!isBinary) this.heard.push(parseControl(String(data)));
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<RawLink> {
    const link = new RawLink(new WebSocket(url, { headers }));
    await new Promise<void>((resolve, reject) => {
      link.socket.on('open', resolve);
      link.socket.on('error', reject);
    });
    return link;
  }

  /** The next control message that `fits`. */
  async next(fits: (control: Control) => boolean): Promise<Control> {
    for (let wait = 0; wait < 500; wait++) {
      const found = this.heard.find(fits);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`not heard; only ${JSON.stringify(this.heard)}`);
  }

  async greet(): Promise<void> {
    this.socket.send(encodeControl({ type: 'hello', id: 1, body: HELLO }));
    await this.next(({ type }) => type === 'hello');
  }
}

describe('a link to a tier', () => {
  let tiers: TestTiers;
  let cloud: Server;
  let manifest: Manifest;
  const open: (RawLink | LinkClient)[] = [];
  const raw = async (): Promise<RawLink> => {
    const link = await RawLink.open(cloud.link);
    open.push(link);
    return link;
  };
  const device = async (): Promise<LinkClient> => {
    const link = await greet(cloud.link);
    open.push(link);
    return link;
  };
  const proposal = (epoch = 1) => ({
    ...{ epoch, model: manifest.name, tiers: ['device', 'cloud'], objective: 'latency' as const },
    tierOf: manifest.layers.map(() => 1),
  });

  beforeAll(async () => {
    tiers = await TestTiers.create();
    manifest = await packInto(tiers.models('cloud'), SKETCH);
    cloud = await tiers.start('cloud', { limits: { maxInFlight: 4, maxEpochs: 2 } });
  }, 60_000);
  afterEach(() => {
    for (const link of open.splice(0)) 'socket' in link ? link.socket.terminate() : link.close();
  });
  afterAll(async () => await tiers?.close());

  it('is refused to pages of a foreign origin, before it is a link', async () => {
    await expect(RawLink.open(cloud.link, { origin: 'https://evil.example' })).rejects.toThrow('403');
    open.push(await RawLink.open(cloud.link, { origin: 'http://localhost:7000' }));
  });

  it('answers nothing before hello, and refuses another protocol', async () => {
    const early = await raw();
    early.socket.send(encodeControl({ type: 'ping', id: 5, body: { sentMs: 1 } }));
    expect(await early.next(({ type }) => type === 'ping')).toMatchObject({
      id: 5,
      error: { code: 'SERVER_HELLO_REQUIRED' },
    });
    early.socket.send(JSON.stringify({ type: 'hello', id: 6, body: { ...HELLO, protocol: 2 } }));
    expect(await early.next(({ type }) => type === 'hello')).toMatchObject({
      error: { code: 'PROTOCOL_VERSION_UNSUPPORTED' },
    });
  });

  it('refuses a malformed message, typed, and goes on', async () => {
    const link = await raw();
    await link.greet();
    link.socket.send('{"type":"propose","id":9,"body":{"epoch":-1}}');
    expect(await link.next(({ type }) => type === 'propose')).toMatchObject({
      id: 9,
      error: { code: 'PROTOCOL_CONTROL_MALFORMED' },
    });
    link.socket.send('no JSON');
    link.socket.send(new Uint8Array([1, 2, 3]));
    await link.next(
      (control) => control.type === 'refused' && control.notice.error.code === 'PROTOCOL_CONTROL_MALFORMED',
    );
    await link.next(
      (control) => control.type === 'refused' && control.notice.error.code === 'PROTOCOL_MESSAGE_MALFORMED',
    );
    link.socket.send(encodeControl({ type: 'ping', id: 10, body: { sentMs: 4 } }));
    expect(await link.next(({ type }) => type === 'ping')).toMatchObject({
      type: 'ping',
      id: 10,
      reply: { sentMs: 4 },
    });
  });

  it('closes on a message that is longer than any may be', async () => {
    const link = await raw();
    await link.greet();
    link.socket.send(new Uint8Array((1 << 20) + 1));
    expect((await link.closed).code).toBe(1009);
  });

  it.each([
    ['an unknown model', { model: 'nope' }, 'SERVER_MODEL_UNKNOWN'],
    ['a wrong hash', { model: 'f'.repeat(64) }, 'SERVER_MODEL_UNKNOWN'],
    ['tiers without this one', { tiers: ['device', 'edge'] }, 'SERVER_PROPOSAL_INVALID'],
    ['too few layers', { tierOf: [1, 1] }, 'SERVER_PROPOSAL_INVALID'],
    ['a tier that is not there', { tierOf: 'far' }, 'SERVER_PROPOSAL_INVALID'],
    ['an edge of the graph that goes back', { tierOf: 'back' }, 'SERVER_PROPOSAL_INVALID'],
    ['layers behind the last tier', { tiers: ['device', 'cloud', 'moon'], tierOf: 'moon' }, 'SERVER_UPSTREAM_MISSING'],
  ] as const)('refuses a proposal with %s', async (_, change, code) => {
    const link = await device();
    const { length } = manifest.layers;
    const shapes = {
      far: Array.from({ length }, () => 2),
      back: Array.from({ length }, (_layer, index) => (index === 0 ? 1 : 0)),
      moon: Array.from({ length }, () => 2),
    };
    const { tierOf } = change as { tierOf?: keyof typeof shapes | number[] };
    const changed = { ...change, ...(typeof tierOf === 'string' && { tierOf: shapes[tierOf] }) };
    await expect(link.ask('propose', { ...proposal(), ...(changed as object) })).rejects.toMatchObject({ code });
    await expect(link.ask('propose', proposal())).resolves.toMatchObject({ epoch: 1 });
  });

  it('gives the same proposal the same answer, another plan under its number and too many epochs a typed error', async () => {
    const link = await device();
    const first = await link.ask('propose', proposal());
    expect(await link.ask('propose', proposal())).toEqual(first);
    const other = { ...proposal(), objective: 'throughput' as const };
    await expect(link.ask('propose', other)).rejects.toMatchObject({ code: 'SERVER_PROPOSAL_INVALID' });
    await link.ask('propose', proposal(2));
    await expect(link.ask('propose', proposal(3))).rejects.toMatchObject({ code: 'SERVER_TOO_MANY_EPOCHS' });
    await link.ask('release', { epoch: 2 });
    await link.ask('propose', proposal(3));
    const released = link.infer({ epoch: 2, tensors: randomInputs(manifest, 1) });
    await expect(released).rejects.toMatchObject({ code: 'SERVER_EPOCH_UNKNOWN' });
  });

  const tensor = (shape: readonly number[]): TensorMap => ({
    image: makeTensor('image', 'float32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1))),
  });
  it.each([
    ['a wrong shape', () => tensor([1, 1, 64, 256])],
    ['a wrong name', () => ({ picture: randomInputs(manifest, 1).image })],
    ['a tensor missing', () => ({})],
    ['a tensor too many', () => ({ ...randomInputs(manifest, 1), more: tensor([1]).image })],
  ])('fails a request with %s, and only it', async (_, tensors) => {
    const link = await device();
    await link.ask('propose', proposal());
    const wrong = link.infer({ epoch: 1, tensors: tensors() as TensorMap });
    const right = link.infer({ epoch: 1, tensors: randomInputs(manifest, 1) });
    await expect(wrong).rejects.toMatchObject({ code: 'PROTOCOL_TENSOR_MISMATCH' });
    expect((await right).outputs.logits?.shape).toEqual([1, 24]);
  });

  it('refuses a frame by its header, before there is memory for it', async () => {
    const link = await raw();
    await link.greet();
    link.socket.send(encodeControl({ type: 'propose', id: 2, body: proposal() }));
    await link.next(({ type }) => type === 'propose');
    const huge = {
      name: 'image',
      type: 'float32',
      shape: [1 << 20, 1 << 10],
      codec: 'raw',
      codedBytes: 2 ** 32,
    } as const;
    link.socket.send(encodeHeader({ kind: 'request', request: 8, epoch: 1, tensors: [huge] }));
    expect(await link.next(({ type }) => type === 'failed')).toMatchObject({
      notice: { request: 8, error: { code: 'PROTOCOL_LIMIT_EXCEEDED', status: 413 } },
    });
  });

  it('bounds what is in flight, and fails what is beyond it', async () => {
    const link = await device();
    await link.ask('propose', proposal());
    const inputs = randomInputs(manifest, 1);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, () => link.infer({ epoch: 1, tensors: inputs })),
    );
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThanOrEqual(8);
    for (const { reason } of failed)
      expect(reason).toMatchObject({ code: 'SERVER_BUSY', retryable: true, status: 429 });
  });

  it('answers a request that comes twice while it runs once', async () => {
    const link = await raw();
    await link.greet();
    link.socket.send(encodeControl({ type: 'propose', id: 2, body: proposal() }));
    await link.next(({ type }) => type === 'propose');
    let headers = 0;
    link.socket.on('message', (data, isBinary) => {
      if (isBinary && (data as Buffer)[2] === 0) headers++;
    });
    const start = { kind: 'request' as const, request: 3, epoch: 1 };
    for (let time = 0; time < 2; time++) {
      for (const message of encodeFrame(start, randomInputs(manifest, 1))) link.socket.send(message);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(headers).toBe(1);
    expect(link.heard.some(({ type }) => type === 'failed')).toBe(false);
  });

  it('fails a request at its deadline', async () => {
    const link = await raw();
    await link.greet();
    link.socket.send(encodeControl({ type: 'propose', id: 2, body: proposal() }));
    await link.next(({ type }) => type === 'propose');
    const start = { kind: 'request' as const, request: 4, epoch: 1, deadlineMs: 0.01 };
    for (let request = 4; request < 8; request++) {
      for (const message of encodeFrame({ ...start, request }, randomInputs(manifest, 1))) link.socket.send(message);
    }
    const late = await link.next((control) => control.type === 'failed');
    expect(late).toMatchObject({ notice: { error: { code: 'SERVER_DEADLINE_EXCEEDED', status: 504 } } });
  });

  it('takes a drawing as pixels and normalises it by the sidecar', async () => {
    const link = await device();
    await link.ask('propose', proposal());
    const pixels = Uint8Array.from({ length: 128 * 128 }, (_, at) => (at % 7 === 0 ? 255 : at % 200));
    const values = Float32Array.from(pixels, (pixel) => pixel / 255);
    const asPixels = await link.infer({
      epoch: 1,
      tensors: { image: makeTensor('image', 'uint8', [128, 128, 1], pixels) },
      codecs: { image: 'pixels' },
    });
    const asValues = await link.infer({
      epoch: 1,
      tensors: { image: makeTensor('image', 'float32', [1, 1, 128, 128], values) },
    });
    expect(asPixels.hops[0]?.bytesUp).toBe(128 * 128);
    expect(asPixels.outputs.logits?.bytes).toEqual(asValues.outputs.logits?.bytes);
  });
});

describe('a link to a tier with a token', () => {
  it('closes on a wrong token, and opens with the right one', async () => {
    const tiers = await TestTiers.create();
    try {
      const { link: url } = await tiers.start('edge', { token: 'sesame' });
      for (const token of [undefined, 'wrong']) {
        const link = await RawLink.open(url);
        link.socket.send(encodeControl({ type: 'hello', id: 1, body: { ...HELLO, ...(token && { token }) } }));
        expect(await link.next(({ type }) => type === 'hello')).toMatchObject({
          error: { code: 'SERVER_TOKEN_REFUSED' },
        });
        expect((await link.closed).code).toBe(1008);
      }
      (await greet(url, { token: 'sesame' })).close();
    } finally {
      await tiers.close();
    }
  });
});

describe('a peer that does not read', () => {
  it('is cut off when answers pile up, and holds up no close', async () => {
    const tiers = await TestTiers.create();
    try {
      const manifest = await packInto(tiers.models('cloud'), SKETCH);
      const server = await tiers.start('cloud', { limits: { maxQueuedBytes: 1 << 21 } });
      const bufferedAmount = (bytes: number) => {
        for (const socket of server.app.websocketServer.clients) {
          Object.defineProperty(socket, 'bufferedAmount', { get: () => bytes, configurable: true });
        }
      };
      const asking = await greet(server.link);
      bufferedAmount(1 << 22);
      await expect(asking.ping()).rejects.toMatchObject({ code: 'PROTOCOL_LINK_CLOSED' });

      const link = await greet(server.link);
      const tierOf = manifest.layers.map(() => 1);
      const objective = 'latency' as const;
      await link.ask('propose', { epoch: 1, model: manifest.name, tiers: ['device', 'cloud'], tierOf, objective });
      bufferedAmount(1 << 20);
      const stuck = link.infer({ epoch: 1, tensors: randomInputs(manifest, 1) });
      const outcome = expect(stuck).rejects.toMatchObject({ code: 'PROTOCOL_LINK_CLOSED' });
      // Until its result waits to be sent.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await server.close('an update');
      await outcome;
    } finally {
      await tiers.close();
    }
  }, 30_000);
});

describe('draining', () => {
  it('tells peers, is not ready, takes nothing new, finishes what runs, and closes with 1001', async () => {
    const tiers = await TestTiers.create();
    try {
      const manifest = await packInto(tiers.models('cloud'), SKETCH);
      const server = await tiers.start('cloud', { slowdown: 20 });
      const notices: string[] = [];
      const link = await greet(server.link, { onNotice: ({ type }) => notices.push(type) });
      const tierOf = manifest.layers.map(() => 1);
      const tiersOf = {
        epoch: 1,
        model: manifest.name,
        tiers: ['device', 'cloud'],
        tierOf,
        objective: 'latency' as const,
      };
      await link.ask('propose', tiersOf);
      const running = link.infer({ epoch: 1, tensors: randomInputs(manifest, 1) });
      await new Promise((resolve) => setTimeout(resolve, 50));
      const drained = server.app.d3.drain('an update');
      expect((await server.app.inject('/v2/health/ready')).statusCode).toBe(503);
      await expect(link.ask('propose', { ...tiersOf, epoch: 2 })).rejects.toMatchObject({ code: 'SERVER_DRAINING' });
      const result = await running;
      expect(result.segments[0]).toMatchObject({ tier: 'cloud', slowdown: 20 });
      await drained;
      expect(await link.closed).toEqual({ code: 1001, reason: 'an update' });
      expect(notices).toContain('draining');
    } finally {
      await tiers.close();
    }
  });

  it('serves models until its peers have left, or it has lingered long enough', async () => {
    const tiers = await TestTiers.create();
    try {
      const { hash, weights } = await packInto(tiers.models('cloud'), SKETCH);
      for (const leaves of [true, false]) {
        const server = await tiers.start('cloud', { lingerMs: leaves ? 60_000 : 300 });
        const link = await greet(server.link);
        const closing = server.close('an update');
        const get = async (file: string) => (await fetch(`${server.url}/d3/models/${hash}/${file}`)).status;
        expect(await get('manifest.json')).toBe(200);
        expect(await get(`weights/${weights[0]?.id}`)).toBe(200);
        expect((await fetch(`${server.url}/v2/health/ready`)).status).toBe(503);
        if (leaves) link.close();
        expect((await link.closed).code).toBe(leaves ? 1000 : 1001);
        await closing;
      }
    } finally {
      await tiers.close();
    }
  });
});
