import { defineErrors } from '@d3/errors';
import { makeTensor, type Tensor } from '@d3/tensor';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type Control,
  encodeControl,
  encodeFrame,
  FrameAssembler,
  LinkClient,
  openLink,
  parseControl,
} from '../index.ts';
import type { LinkCloseEvent, LinkMessageEvent, LinkSocket } from './socket.ts';

const limits = { maxTensorBytes: 1 << 24, maxFrameBytes: 1 << 24, maxInFlight: 8 };
const toyError = defineErrors({ TOY_BROKEN: { message: 'Broke {what}: mend it', status: 500, retryable: true } });

/** One end of a socket in memory; `deliver` is what the other end calls. */
class MemorySocket implements LinkSocket {
  binaryType = 'blob';
  bufferedAmount = 0;
  readyState = 1;
  readonly sent: (string | Uint8Array<ArrayBuffer>)[] = [];
  onSend: (data: string | Uint8Array<ArrayBuffer>) => void = () => {};
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.sent.push(data);
    this.onSend(data);
  }

  close(code = 1005, reason = ''): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.emit('close', { code, reason });
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  emit(type: string, event: LinkMessageEvent | LinkCloseEvent): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }

  deliver(data: string | Uint8Array<ArrayBuffer>): void {
    this.emit('message', { data: typeof data === 'string' ? data : data.slice().buffer });
  }

  controls(): Control[] {
    return this.sent.filter((data) => typeof data === 'string').map((text) => parseControl(text));
  }
}

function vector(values: readonly number[]): Tensor {
  return makeTensor('x', 'float32', [values.length], Float32Array.from(values));
}

/** Answers every request with the same tensors under the name `y`. */
function echo(socket: MemorySocket): void {
  const assembler = new FrameAssembler({ limits });
  socket.onSend = (data) => {
    if (typeof data === 'string') return;
    const event = assembler.push(data);
    if (event === undefined || !('frame' in event)) return;
    const { request, epoch } = event.frame.header;
    const timing = { tier: 'edge', backend: 'cpu', layers: [0], computeMs: 0, queueMs: 0, slowdown: 1 };
    const start = { kind: 'result' as const, request, epoch, segments: [timing], hops: [] };
    for (const message of encodeFrame(start, { y: event.frame.tensors.x ?? vector([]) })) socket.deliver(message);
  };
}

function client(socket: MemorySocket): LinkClient {
  return new LinkClient(socket, { url: 'ws://edge', hop: 'device-edge' });
}

afterEach(() => void vi.useRealTimers());

describe('LinkClient', () => {
  it('ask() pairs answers with requests in any order', async () => {
    const socket = new MemorySocket();
    const link = client(socket);
    const first = link.ask('ping', { sentMs: 1 });
    const second = link.ask('ping', { sentMs: 2 });
    const [one, two] = socket.controls();
    if (one === undefined || two === undefined || !('id' in one) || !('id' in two))
      throw new Error('two requests expected');
    socket.deliver(encodeControl({ type: 'ping', id: two.id, reply: { sentMs: 2, receivedMs: 0 } }));
    socket.deliver(encodeControl({ type: 'ping', id: one.id, error: toyError('TOY_BROKEN', { what: 'it' }).toJSON() }));
    expect(await second).toEqual({ sentMs: 2, receivedMs: 0 });
    await expect(first).rejects.toMatchObject({ name: 'D3Error', code: 'TOY_BROKEN', retryable: true });
  });

  it('ask() gives up after its time, naming it', async () => {
    vi.useFakeTimers();
    const asked = client(new MemorySocket()).ask('release', { epoch: 1 }, { timeoutMs: 50 });
    const failed = expect(asked).rejects.toMatchObject({ code: 'PROTOCOL_LINK_TIMEOUT', details: { what: 'release' } });
    await vi.advanceTimersByTimeAsync(60);
    await failed;
  });

  it('infer() gives each of many overlapping requests its own result, with the hop accounted for', async () => {
    const socket = new MemorySocket();
    echo(socket);
    const link = client(socket);
    const values = Array.from({ length: 20 }, (_, index) =>
      vector(Array.from({ length: 20_000 }, (_, at) => index + at)),
    );
    const results = await Promise.all(values.map((x) => link.infer({ epoch: 3, tensors: { x } })));
    results.forEach((result, index) => {
      expect(Buffer.compare(result.outputs.y?.bytes ?? Buffer.alloc(0), values[index]?.bytes ?? Buffer.alloc(1))).toBe(
        0,
      );
    });
    expect(results[0]?.hops).toEqual([
      { hop: 'device-edge', bytesUp: 80_000, bytesDown: 80_000, ms: expect.any(Number) },
    ]);
    expect(results[0]?.sent).toEqual([{ name: 'x', bytes: 80_000, codedBytes: 80_000, codec: 'raw' }]);
    expect(link.pendingRequests).toBe(0);
  });

  it('infer() waits while the socket is full, and a cancel overtakes what waits', async () => {
    const socket = new MemorySocket();
    socket.bufferedAmount = 1 << 20;
    const link = client(socket);
    const abort = new AbortController();
    const result = link.infer({ epoch: 1, tensors: { x: vector(new Array(50_000).fill(1)) }, signal: abort.signal });
    expect(socket.sent).toEqual([]);
    abort.abort(new Error('no need'));
    await expect(result).rejects.toThrow('no need');
    expect(socket.controls()).toEqual([{ type: 'cancel', notice: { request: 1 } }]);
    expect(link.queuedBytes).toBe(0);
    socket.bufferedAmount = 0;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(socket.sent).toHaveLength(1);
  });

  it('looks at a full socket only while something waits', async () => {
    vi.useFakeTimers();
    const socket = new MemorySocket();
    const link = client(socket);
    socket.onSend = () => {
      socket.bufferedAmount = 1 << 20;
    };
    const abort = new AbortController();
    const waiting = link.infer({ epoch: 1, tensors: { x: vector(new Array(50_000).fill(1)) }, signal: abort.signal });
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(socket.sent).toHaveLength(1);
    abort.abort(new Error('no need'));
    await expect(waiting).rejects.toThrow('no need');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('infer() rejects alone when its request failed behind the hop', async () => {
    const socket = new MemorySocket();
    const link = client(socket);
    const results = [1, 2].map((value) => link.infer({ epoch: 1, tensors: { x: vector([value]) } }));
    const error = toyError('TOY_BROKEN', { what: 'cloud' }).toJSON();
    socket.deliver(encodeControl({ type: 'failed', notice: { request: 1, error } }));
    await expect(results[0]).rejects.toMatchObject({ code: 'TOY_BROKEN', message: 'Broke cloud: mend it' });
    for (const message of encodeFrame({ kind: 'result', request: 2, epoch: 1 }, { y: vector([7]) }))
      socket.deliver(message);
    expect((await results[1])?.outputs.y).toEqual(vector([7]));
  });

  it('infer() rejects at its deadline and tells the peer', async () => {
    const socket = new MemorySocket();
    const result = client(socket).infer({ epoch: 1, tensors: { x: vector([1]) }, deadlineMs: 20 });
    await expect(result).rejects.toMatchObject({ code: 'PROTOCOL_LINK_TIMEOUT' });
    expect(socket.controls()).toEqual([{ type: 'cancel', notice: { request: 1 } }]);
  });

  it('rejects everything pending, in any state, when the socket closes', async () => {
    const socket = new MemorySocket();
    const link = client(socket);
    const pending = [link.ask('ping', { sentMs: 0 }), link.infer({ epoch: 1, tensors: { x: vector([1]) } })];
    socket.bufferedAmount = 1 << 20;
    pending.push(link.infer({ epoch: 1, tensors: { x: vector([2]) } }));
    socket.close(1001, 'draining');
    for (const outcome of await Promise.allSettled(pending)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'PROTOCOL_LINK_CLOSED', details: { code: 1001 } },
      });
    }
    expect(await link.closed).toEqual({ code: 1001, reason: 'draining' });
    await expect(link.infer({ epoch: 1, tensors: {} })).rejects.toMatchObject({ code: 'PROTOCOL_LINK_CLOSED' });
  });

  it('closes on a peer that speaks nonsense, and says why', async () => {
    const socket = new MemorySocket();
    const link = client(socket);
    const asked = link.ask('ping', { sentMs: 0 });
    socket.deliver('{"type":"nope"}');
    await expect(asked).rejects.toMatchObject({ code: 'PROTOCOL_CONTROL_MALFORMED' });
    expect(socket.readyState).toBe(3);
    // A browser throws on any other than 1000 and 3000 to 4999.
    expect((await link.closed).code).toBe(4002);
  });

  it('hands notices about the link to their listener', () => {
    const socket = new MemorySocket();
    const notices: unknown[] = [];
    new LinkClient(socket, { url: 'ws://edge', hop: 'h', onNotice: (notice) => notices.push(notice) });
    socket.deliver(encodeControl({ type: 'draining', notice: { reason: 'update' } }));
    expect(notices).toEqual([{ type: 'draining', notice: { reason: 'update' } }]);
  });

  it('refuses to queue without bound', async () => {
    const socket = new MemorySocket();
    socket.bufferedAmount = 1 << 20;
    const link = new LinkClient(socket, { url: 'ws://edge', hop: 'h', maxQueuedBytes: 1000 });
    const first = link.infer({ epoch: 1, tensors: { x: vector(new Array(200).fill(1)) } });
    const second = link.infer({ epoch: 1, tensors: { x: vector(new Array(200).fill(1)) } });
    await expect(second).rejects.toMatchObject({ code: 'PROTOCOL_LINK_BACKLOG' });
    link.close();
    await expect(first).rejects.toMatchObject({ code: 'PROTOCOL_LINK_CLOSED' });
  });
});

describe('openLink()', () => {
  it('rejects, typed, when the socket closes before it opens', async () => {
    const socket = new MemorySocket();
    socket.readyState = 0;
    const opening = openLink(socket, { url: 'ws://nowhere', hop: 'h' });
    socket.close(1006);
    await expect(opening).rejects.toMatchObject({
      code: 'PROTOCOL_LINK_UNREACHABLE',
      details: { url: 'ws://nowhere' },
    });
  });
});
