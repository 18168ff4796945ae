import { LinkClient, type LinkCloseEvent, type LinkMessageEvent, type LinkSocket } from '@d3/protocol';
import { type LinkBed, type LinkCell, rateOf } from './link-bed.ts';
import { answerLink } from './link-peer.ts';

const SEGMENT_BYTES = 1460;
const INITIAL_WINDOW_BYTES = 10 * SEGMENT_BYTES;
const IDLE_MS = 1000;
/** Longest a piece occupies the link. */
const PIECE_MS = 0.5;
/** WebSocket around a message. */
const AROUND_BYTES = 8;

/** A message on its way. */
interface Underway {
  left: number;
  readonly arrive: () => void;
}

/** One direction of one TCP connection: a bottleneck, a delay and TCP's ramp, as the shaping proxy has them, on whatever clock is set. */
class Wire {
  readonly #bytesPerMs: number;
  readonly #delayMs: number;
  readonly #queue: Underway[] = [];
  #window = INITIAL_WINDOW_BYTES;
  #unacked = 0;
  #servedMs = Number.NEGATIVE_INFINITY;
  #busy = false;

  constructor(cell: LinkCell) {
    this.#bytesPerMs = rateOf(cell);
    this.#delayMs = cell.roundTripMs / 2;
  }

  send(bytes: number, arrive: () => void): void {
    const idle = this.#queue.length === 0 && this.#unacked === 0;
    if (idle && performance.now() - this.#servedMs > IDLE_MS) this.#window = INITIAL_WINDOW_BYTES;
    this.#queue.push({ left: bytes, arrive });
    this.#next();
  }

  #next(): void {
    const head = this.#queue[0];
    const room = this.#window - this.#unacked;
    if (head === undefined || this.#busy || room < Math.min(SEGMENT_BYTES, head.left)) return;
    const piece = Math.min(head.left, room, Math.max(SEGMENT_BYTES, this.#bytesPerMs * PIECE_MS));
    this.#busy = true;
    this.#unacked += piece;
    setTimeout(() => this.#left(head, piece), piece / this.#bytesPerMs);
  }

  /** A piece has left. */
  #left(head: Underway, piece: number): void {
    head.left -= piece;
    this.#busy = false;
    this.#servedMs = performance.now();
    setTimeout(() => this.#acknowledged(piece), 2 * this.#delayMs);
    if (head.left <= 0) {
      this.#queue.shift();
      setTimeout(head.arrive, this.#delayMs);
    }
    this.#next();
  }

  #acknowledged(piece: number): void {
    if (2 * this.#unacked >= this.#window) this.#window += piece;
    this.#unacked -= piece;
    this.#next();
  }
}

/** One end of a simulated link. */
class SimulatedSocket implements LinkSocket {
  binaryType = 'arraybuffer';
  readonly bufferedAmount = 0;
  readyState = 1;
  readonly #out: Wire;
  readonly #lateMs: () => number;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();
  #peer: SimulatedSocket | undefined;
  #wakesMs = 0;

  constructor(out: Wire, lateMs: () => number) {
    this.#out = out;
    this.#lateMs = lateMs;
  }

  /** Joins two ends. */
  static join(near: SimulatedSocket, far: SimulatedSocket): void {
    near.#peer = far;
    far.#peer = near;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    const copy = typeof data === 'string' ? data : data.slice().buffer;
    this.#out.send(data.length + AROUND_BYTES, () => this.#peer?.arrive(copy));
  }

  close(code = 1005, reason = ''): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#emit('close', { code, reason });
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  /** Tells of a message as soon as its thread looks; what comes while it does not is told all at once, in order. */
  arrive(data: string | ArrayBuffer): void {
    const nowMs = performance.now();
    if (nowMs >= this.#wakesMs) this.#wakesMs = nowMs + this.#lateMs();
    setTimeout(() => this.readyState === 1 && this.#emit('message', { data }), this.#wakesMs - nowMs);
  }

  #emit(type: string, event: LinkMessageEvent | LinkCloseEvent): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

/**
 * Opens a link that is simulated on the timers and the clock of its realm: those of a test that has made them virtual.
 *
 * @param lateMs - how long the thread at an end that something comes to is busy with other things; never by default
 */
export async function openSimulatedLink(cell: LinkCell, lateMs: () => number = () => 0): Promise<LinkBed> {
  const near = new SimulatedSocket(new Wire(cell), lateMs);
  const far = new SimulatedSocket(new Wire(cell), lateMs);
  SimulatedSocket.join(near, far);
  let told: (atMs: number) => void = () => undefined;
  answerLink(far, (atMs) => told(atMs));
  return {
    client: new LinkClient(near, { url: 'ws://simulated', hop: 'near-far' }),
    nextWholeMs: () =>
      new Promise((resolve) => {
        told = resolve;
      }),
    close: async () => near.close(),
  };
}
