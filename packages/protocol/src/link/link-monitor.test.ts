import { makeTensor, type Tensor } from '@d3/tensor';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  encodeControl,
  encodeFrame,
  FrameAssembler,
  LinkClient,
  LinkMonitor,
  PingAnswerer,
  parseControl,
  timedNotice,
} from '../index.ts';
import type { LinkCloseEvent, LinkMessageEvent, LinkSocket } from './socket.ts';

const limits = { maxTensorBytes: 1 << 24, maxFrameBytes: 1 << 24, maxInFlight: 8 };

/** A link on the fake clock: each direction sends at its rate, one message behind the other, and answers as a server does. */
class ShapedSocket implements LinkSocket {
  binaryType = 'blob';
  bufferedAmount = 0;
  readyState = 1;
  /** Lengths of probe messages that went, up and down. */
  readonly probes: { up: number[]; down: number[] } = { up: [], down: [] };
  mostUnderWay = 0;
  bytesPerMs: { up: number; down: number };
  halfResults = false;
  readonly #delayMs: number;
  readonly #free = { up: 0, down: 0 };
  readonly #listeners = new Map<string, ((event: never) => void)[]>();
  readonly #pings = new PingAnswerer();
  readonly #assembler = new FrameAssembler({ limits });
  #underWay = 0;

  constructor(bytesPerMs: { up: number; down: number }, delayMs: number) {
    this.bytesPerMs = bytesPerMs;
    this.#delayMs = delayMs;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (typeof data === 'string' && data.includes('padding')) {
      this.probes.up.push(data.length);
      this.#underWay += data.length;
      this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay);
    }
    this.#cross('up', data.length, () => this.#arrive(data));
  }

  close(code = 1005, reason = ''): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#emit('close', { code, reason });
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  #cross(direction: 'up' | 'down', bytes: number, arrive: () => void): void {
    const startMs = Math.max(performance.now(), this.#free[direction]);
    this.#free[direction] = startMs + bytes / this.bytesPerMs[direction];
    setTimeout(arrive, this.#free[direction] + this.#delayMs - performance.now());
  }

  #arrive(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== 1) return;
    if (typeof data === 'string') this.#text(data);
    else this.#frame(data);
  }

  #text(data: string): void {
    const control = parseControl(data);
    if (data.includes('padding')) this.#underWay -= data.length;
    if (control.type !== 'ping' || !('body' in control)) return;
    const { id, body } = control;
    const answer = encodeControl({ type: 'ping', id, reply: this.#pings.answer(body) });
    if (answer.length > 400) this.probes.down.push(answer.length);
    this.#reply(answer);
  }

  #frame(data: Uint8Array<ArrayBuffer>): void {
    const event = this.#assembler.push(data);
    if (event === undefined || !('frame' in event)) return;
    const { request, epoch } = event.frame.header;
    const notice = timedNotice(request, event.frame.timing);
    if (notice !== undefined) this.#reply(encodeControl(notice));
    const start = { kind: 'result' as const, request, epoch, relayed: epoch === 2 };
    const messages = [...encodeFrame(start, { y: bytesOf(epoch === 1 ? 8 : 65_536) })];
    for (const message of this.halfResults ? messages.slice(0, 2) : messages) this.#reply(message);
  }

  #reply(data: string | Uint8Array<ArrayBuffer>): void {
    const copy = typeof data === 'string' ? data : data.slice().buffer;
    this.#cross('down', data.length, () => this.#emit('message', { data: copy }));
  }

  #emit(type: string, event: LinkMessageEvent | LinkCloseEvent): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

function bytesOf(length: number): Tensor {
  return makeTensor('x', 'uint8', [length], new Uint8Array(length).fill(3));
}

async function monitored(socket: ShapedSocket): Promise<{ link: LinkClient; monitor: LinkMonitor }> {
  const link = new LinkClient(socket, { url: 'ws://edge', hop: 'device-edge' });
  const monitor = new LinkMonitor(link);
  const measured = monitor.measure();
  await vi.advanceTimersByTimeAsync(3_000);
  await measured;
  return { link, monitor };
}

describe('LinkMonitor', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('measure() finds the delay and both rates apart, before any request', async () => {
    const socket = new ShapedSocket({ up: 250, down: 1250 }, 10);
    const { monitor } = await monitored(socket);
    const { upBytesPerMs, downBytesPerMs, delayMs } = monitor.estimate;
    expect(Math.abs(upBytesPerMs / 250 - 1)).toBeLessThan(0.1);
    expect(Math.abs(downBytesPerMs / 1250 - 1)).toBeLessThan(0.1);
    // Of a ping, whose bytes take their time too.
    expect(delayMs).toBeGreaterThanOrEqual(10);
    expect(delayMs).toBeLessThan(10.3);
  });

  it('measure() rejects when the link closes, and leaves no timer', async () => {
    const socket = new ShapedSocket({ up: 1, down: 1 }, 10);
    const monitor = new LinkMonitor(new LinkClient(socket, { url: 'ws://edge', hop: 'h' }));
    const failed = expect(monitor.measure()).rejects.toMatchObject({ code: 'PROTOCOL_LINK_CLOSED' });
    await vi.advanceTimersByTimeAsync(5);
    socket.close(1001);
    await failed;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('close() ends probing and leaves no timer', async () => {
    const socket = new ShapedSocket({ up: 1250, down: 1250 }, 5);
    const { monitor } = await monitored(socket);
    monitor.close();
    await vi.advanceTimersByTimeAsync(1_000);
    const { length } = socket.probes.up;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(socket.probes.up).toHaveLength(length);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('spends at most 1 % of an idle link, or 16 kB in 5 s', async () => {
    for (const rate of [125, 2_500]) {
      const socket = new ShapedSocket({ up: rate, down: rate }, 5);
      const { link } = await monitored(socket);
      const sum = (lengths: readonly number[]) => lengths.reduce((total, length) => total + length, 0);
      await vi.advanceTimersByTimeAsync(20_000);
      const before = sum(socket.probes.up) + sum(socket.probes.down);
      await vi.advanceTimersByTimeAsync(120_000);
      const spent = sum(socket.probes.up) + sum(socket.probes.down) - before;
      expect(spent).toBeGreaterThan(0);
      expect(spent / 120_000).toBeLessThanOrEqual(Math.max(2 * 0.01 * rate, 16_384 / 5_000));
      link.close();
    }
  });

  it('notices an idle link that becomes slower or faster, within seconds, and says so once', async () => {
    const socket = new ShapedSocket({ up: 1250, down: 1250 }, 10);
    const { monitor } = await monitored(socket);
    const told: number[] = [];
    monitor.onChange(({ upBytesPerMs }) => told.push(upBytesPerMs));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(told).toEqual([]);
    socket.bytesPerMs = { up: 5000, down: 1250 };
    await vi.advanceTimersByTimeAsync(8_000);
    expect((told.at(-1) ?? 0) / 5000).toBeGreaterThan(0.8);
    socket.bytesPerMs = { up: 600, down: 1250 };
    await vi.advanceTimersByTimeAsync(8_000);
    expect((told.at(-1) ?? 0) / 600).toBeLessThan(1.25);
  });

  it('learns from frames without a probe, up from what the peer reports', async () => {
    const socket = new ShapedSocket({ up: 1250, down: 1250 }, 10);
    const { link, monitor } = await monitored(socket);
    socket.bytesPerMs = { up: 300, down: 2000 };
    const { length } = socket.probes.up;
    for (let turn = 0; turn < 3; turn++) {
      const result = link.infer({ epoch: 3, tensors: { x: bytesOf(100_000) } });
      await vi.advanceTimersByTimeAsync(500);
      await result;
    }
    expect(Math.abs(monitor.estimate.upBytesPerMs / 300 - 1)).toBeLessThan(0.1);
    expect(Math.abs(monitor.estimate.downBytesPerMs / 2000 - 1)).toBeLessThan(0.2);
    expect(socket.probes.up).toHaveLength(length);
  });

  it('takes a relayed result for no sign of a slow link', async () => {
    const socket = new ShapedSocket({ up: 1250, down: 1250 }, 10);
    const { link, monitor } = await monitored(socket);
    socket.bytesPerMs = { up: 1250, down: 100 };
    const result = link.infer({ epoch: 2, tensors: { x: bytesOf(8) } });
    await vi.advanceTimersByTimeAsync(1_500);
    await result;
    expect(Math.abs(monitor.estimate.downBytesPerMs / 1250 - 1)).toBeLessThan(0.1);
  });

  it('gives up a probe when a request comes, with little of it under way', async () => {
    const socket = new ShapedSocket({ up: 125, down: 125 }, 1);
    const { link } = await monitored(socket);
    // Busy of late: then probes keep little under way.
    await Promise.all([link.infer({ epoch: 1, tensors: { x: bytesOf(8) } }), vi.advanceTimersByTimeAsync(100)]);
    socket.mostUnderWay = 0;
    const { length } = socket.probes.up;
    for (let wait = 0; socket.probes.up.length === length && wait < 20_000; wait++)
      await vi.advanceTimersByTimeAsync(1);
    const begun = socket.probes.up.length;
    const result = link.infer({ epoch: 1, tensors: { x: bytesOf(8) } });
    const startMs = performance.now();
    let endMs = startMs;
    void result.then(() => {
      endMs = performance.now();
    });
    await vi.advanceTimersByTimeAsync(300);
    expect(socket.probes.up.length).toBeLessThanOrEqual(begun + 1);
    // Two messages of 512 bytes and what is around them, at 125 bytes per ms, before a request of a few.
    expect(endMs - startMs).toBeLessThan(20);
    expect(socket.mostUnderWay).toBeLessThan(2_000);
  });

  it('fails a request whose result stops coming for a minute', async () => {
    const socket = new ShapedSocket({ up: 1250, down: 1250 }, 1);
    const { link } = await monitored(socket);
    socket.halfResults = true;
    const result = link.infer({ epoch: 3, tensors: { x: bytesOf(8) } });
    const failed = expect(result).rejects.toMatchObject({ code: 'PROTOCOL_FRAME_STALLED', retryable: true });
    await vi.advanceTimersByTimeAsync(59_000);
    expect(link.pendingRequests).toBe(1);
    await vi.advanceTimersByTimeAsync(2_000);
    await failed;
    expect(link.pendingRequests).toBe(0);
  });
});

describe('PingAnswerer', () => {
  it('answers what an honest prober asks, and refuses more than a link may spend', () => {
    let nowMs = 1000;
    const pings = new PingAnswerer(() => nowMs);
    expect(pings.answer({ sentMs: 3 })).toEqual({ sentMs: 3, receivedMs: 1000 });
    expect(pings.answer({ sentMs: 3, padding: '..', answerBytes: 4 })).toMatchObject({ padding: '....' });
    const big = { sentMs: 0, answerBytes: 65_536 };
    for (let turn = 0; turn < 127; turn++) pings.answer(big);
    expect(() => pings.answer(big)).toThrow(expect.objectContaining({ code: 'PROTOCOL_PROBE_LIMIT' }));
    nowMs += 60;
    expect(pings.answer(big).padding).toHaveLength(65_536);
  });
});
