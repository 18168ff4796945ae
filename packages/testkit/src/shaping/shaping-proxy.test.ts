import { createServer as createHttpServer, get, type Server as HttpServer, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type LinkShape,
  type ShapingProxy,
  type ShapingProxyOptions,
  startShapingProxy,
  type TapEvent,
} from '../index.ts';

const open: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function listen<S extends Server | HttpServer>(server: S): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

async function proxyTo(port: number, options: Omit<ShapingProxyOptions, 'target'> = {}): Promise<ShapingProxy> {
  const proxy = await startShapingProxy({ target: { host: '127.0.0.1', port }, ...options });
  open.push(() => proxy.close());
  return proxy;
}

/** A server that sends `down` bytes at once and counts what it gets. */
async function counter(downBytes: number = 0): Promise<{ port: number; received: { bytes: number; atMs: number }[] }> {
  const received: { bytes: number; atMs: number }[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => received.push({ bytes: data.length, atMs: performance.now() }));
    socket.on('end', () => socket.end());
    if (downBytes > 0) socket.write(Buffer.alloc(downBytes));
  });
  return { port: await listen(server), received };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  open.push(() => {
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}

function sum(received: readonly { bytes: number }[]): number {
  return received.reduce((total, { bytes }) => total + bytes, 0);
}

async function until(condition: () => boolean, limitMs: number = 20_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error('Waited in vain');
    await sleep(2);
  }
}

/** Measures the rate of a transfer of about a second, from its first bytes to its last. */
async function measure(mbps: number, direction: 'up' | 'down'): Promise<number> {
  const bytesPerMs = mbps * 125;
  const byteCount = Math.round(bytesPerMs * 1200);
  const shape: LinkShape = { bytesPerMs };
  const server = await counter(direction === 'down' ? byteCount : 0);
  const proxy = await proxyTo(server.port, { [direction]: shape });
  const socket = await dial(proxy.port);
  const received = direction === 'up' ? server.received : [];
  if (direction === 'up') socket.write(Buffer.alloc(byteCount));
  else socket.on('data', (data) => received.push({ bytes: data.length, atMs: performance.now() }));
  await until(() => sum(received) === byteCount);
  const first = received[0] ?? { atMs: 0, bytes: 0 };
  const last = received.at(-1) ?? first;
  return ((byteCount - first.bytes) / (last.atMs - first.atMs)) * 0.008;
}

describe('startShapingProxy()', () => {
  it.each([1, 10, 100])('keeps %i Mbit/s either way', async (mbps) => {
    // Within 5 % on a quiet machine; twice that here, for a noisy one.
    for (const direction of ['up', 'down'] as const) {
      const measured = await measure(mbps, direction);
      expect(measured).toBeGreaterThan(mbps * 0.9);
      expect(measured).toBeLessThan(mbps * 1.1);
    }
  });

  it('delays each direction by itself, and a new connection by a handshake', async () => {
    const server = createServer((socket) => socket.on('data', (data) => socket.write(data)));
    const proxy = await proxyTo(await listen(server), { up: { delayMs: 30 }, down: { delayMs: 10 } });
    const socket = await dial(proxy.port);
    const roundTrips: number[] = [];
    for (let turn = 0; turn < 6; turn++) {
      const startMs = performance.now();
      socket.write('x');
      await new Promise((resolve) => socket.once('data', resolve));
      roundTrips.push(performance.now() - startMs);
    }
    const [first = 0, ...others] = roundTrips;
    expect(first).toBeGreaterThanOrEqual(75);
    expect(Math.min(...others)).toBeGreaterThanOrEqual(39);
    // The least of five: scheduling noise aside.
    expect(Math.min(...others)).toBeLessThan(46);
  });

  it('stops a sender whose bytes find no room', async () => {
    const server = await counter();
    const proxy = await proxyTo(server.port, { up: { bytesPerMs: 0, bufferBytes: 65_536 } });
    const socket = await dial(proxy.port);
    let written = 0;
    const pump = (): void => {
      while (written < 64e6 && socket.write(Buffer.alloc(100_000))) written += 100_000;
    };
    socket.on('drain', pump);
    pump();
    await sleep(300);
    // What the kernel takes on top of the proxy's 64 kB is some megabytes on loopback.
    expect(written).toBeLessThan(32e6);
    expect(sum(server.received)).toBe(0);
    proxy.update({ up: { bytesPerMs: Number.POSITIVE_INFINITY } });
    await until(() => sum(server.received) >= written);
  });

  it('update() changes a link under way', async () => {
    const server = await counter();
    const proxy = await proxyTo(server.port, { up: { bytesPerMs: 0 } });
    const socket = await dial(proxy.port);
    socket.write(Buffer.alloc(100_000));
    await sleep(100);
    expect(sum(server.received)).toBe(0);
    proxy.update({ up: { bytesPerMs: 1000 } });
    await until(() => sum(server.received) === 100_000);
    expect(proxy.bytes.up).toBe(100_000);
    expect(() => proxy.update({ up: { bytesPerMs: -1 } })).toThrow(RangeError);
  });

  it('passes an end on when all bytes before it have crossed', async () => {
    const server = await counter(50_000);
    const proxy = await proxyTo(server.port, { down: { bytesPerMs: 500, delayMs: 5 } });
    const socket = await dial(proxy.port);
    let got = 0;
    socket.on('data', (data) => {
      got += data.length;
    });
    socket.end('bye');
    await new Promise((resolve) => socket.once('end', resolve));
    expect(got).toBe(50_000);
    expect(sum(server.received)).toBe(3);
  });

  it('cut() resets connections and new ones until restore()', async () => {
    const server = await counter();
    const proxy = await proxyTo(server.port);
    const socket = await dial(proxy.port);
    const lost = new Promise((resolve) => socket.once('error', resolve));
    proxy.cut();
    expect(await lost).toMatchObject({ code: 'ECONNRESET' });
    const second = connect({ port: proxy.port, host: '127.0.0.1' });
    expect(await new Promise((resolve) => second.once('error', resolve))).toMatchObject({ code: 'ECONNRESET' });
    proxy.restore();
    (await dial(proxy.port)).write('hello');
    await until(() => sum(server.received) === 5);
  });

  it("cut('silence') holds everything and tells nobody; restore() delivers it", async () => {
    const server = await counter();
    const proxy = await proxyTo(server.port);
    const socket = await dial(proxy.port);
    let events = 0;
    for (const name of ['error', 'close', 'end']) socket.on(name, () => events++);
    proxy.cut('silence');
    socket.write('hello');
    await sleep(100);
    expect([sum(server.received), events]).toEqual([0, 0]);
    proxy.restore();
    await until(() => sum(server.received) === 5);
  });

  it('resets the client when the target is not there', async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const proxy = await proxyTo(port);
    const socket = connect({ port: proxy.port, host: '127.0.0.1' });
    expect(await new Promise((resolve) => socket.once('error', resolve))).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('tap', () => {
  it('hands over WebSocket messages of both sides, unmasked and joined, and the upgrade', async () => {
    const http = createHttpServer();
    const sockets = new WebSocketServer({ server: http });
    sockets.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    const events: TapEvent[] = [];
    const tap = (event: TapEvent) => events.push(event);
    const proxy = await proxyTo(await listen(http), { tap, up: { bytesPerMs: 5000 } });
    const socket = new WebSocket(`${proxy.wsUrl}/link?x=1`);
    await new Promise((resolve) => socket.once('open', resolve));
    const large = Buffer.alloc(200_000, 7);
    const answers = new Promise<void>((resolve) => {
      let count = 0;
      socket.on('message', () => {
        if (++count === 3) resolve();
      });
    });
    socket.send('héllo');
    socket.send(large);
    socket.send('frag', { fin: false });
    socket.send('ment');
    socket.ping('p');
    await answers;
    socket.close(1000, 'done');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(events[0]).toMatchObject({ kind: 'http', direction: 'up', method: 'GET', path: '/link?x=1', upgrade: true });
    const messages = (direction: string) =>
      events.flatMap((event) =>
        event.kind === 'message' && event.direction === direction
          ? [[typeof event.data === 'string' ? event.data : event.data.length, event.frames]]
          : [],
      );
    expect(messages('up')).toEqual([
      ['héllo', 1],
      [200_000, 1],
      ['fragment', 2],
    ]);
    expect(messages('down')).toEqual([
      ['héllo', 1],
      [200_000, 1],
      ['fragment', 1],
    ]);
    const binary = events.find((event) => event.kind === 'message' && typeof event.data !== 'string');
    if (binary?.kind !== 'message') throw new Error('No binary message');
    expect(Buffer.compare(Buffer.from(binary.data), large)).toBe(0);
    expect(binary).toMatchObject({ compressed: false, connection: 1 });
    const controls = events.flatMap((event) =>
      event.kind === 'control' ? [`${event.direction} ${event.opcode}`] : [],
    );
    expect(controls).toEqual(expect.arrayContaining(['up ping', 'down pong', 'up close', 'down close']));
    expect(events.some((event) => event.kind === 'unparsed')).toBe(false);
  });

  it('hands over plain requests, bodies of either kind between them', async () => {
    const http = createHttpServer((incoming, answer) => {
      incoming.resume();
      incoming.on('end', () => answer.end('ok'));
    });
    const events: TapEvent[] = [];
    const proxy = await proxyTo(await listen(http), { tap: (event) => events.push(event) });
    const send = (method: string, path: string, body?: Buffer, chunked = false) =>
      new Promise<void>((resolve, reject) => {
        const headers = body === undefined || chunked ? {} : { 'content-length': body.length };
        const outgoing = request(`${proxy.httpUrl}${path}`, { method, headers, agent: false }, (answer) => {
          answer.resume();
          answer.on('end', resolve);
        });
        outgoing.on('error', reject);
        if (body !== undefined)
          for (let at = 0; at < body.length; at += 1000) outgoing.write(body.subarray(at, at + 1000));
        outgoing.end();
      });
    await new Promise((resolve) =>
      get(`${proxy.httpUrl}/a`, { agent: false }, (answer) => answer.resume().on('end', resolve)),
    );
    await send('POST', '/b', Buffer.from('GET /fake HTTP/1.1\r\n\r\n'.repeat(200)));
    await send('PUT', '/c', Buffer.from('GET /fake HTTP/1.1\r\n\r\n'.repeat(200)), true);
    await send('DELETE', '/d');
    const seen = events.map((event) => (event.kind === 'http' ? `${event.method} ${event.path}` : event.kind));
    expect(seen).toEqual(['GET /a', 'POST /b', 'PUT /c', 'DELETE /d']);
  });

  it('says when it does not understand, and lets the bytes pass', async () => {
    const server = await counter();
    const events: TapEvent[] = [];
    const proxy = await proxyTo(server.port, { tap: (event) => events.push(event) });
    const socket = await dial(proxy.port);
    socket.write('\x16\x03\x01 not http\r\n\r\n');
    await until(() => sum(server.received) === 16);
    expect(events).toMatchObject([{ kind: 'unparsed', direction: 'up' }]);
  });
});
