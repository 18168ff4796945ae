/** Bytes of a full segment. */
export const SEGMENT_BYTES: number = 1460;
const INITIAL_WINDOW = 10 * SEGMENT_BYTES;
const IDLE_MS = 1000;

/** Where a flow's bytes go, and how its sender is stopped. */
export interface FlowEnds {
  /** Takes bytes that have crossed. */
  deliver(bytes: Uint8Array): void;
  /** The last byte has crossed. */
  finish(): void;
  /** Whether the receiver cannot take more for now. */
  readonly blocked: boolean;
  /** The buffer ran full (`true`), or has room again. */
  hold(full: boolean): void;
}

/** A piece that has left and is on its way. */
interface Flight {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

/** One direction of one connection: what waits for the link, what is under way, and TCP's window. Times are virtual. */
export class ShapedFlow {
  readonly ends: FlowEnds;
  /** Nothing starts before: the handshake, or a receiver that was slow. */
  notBeforeMs: number;
  /** When it was last served: for fairness between flows. */
  servedMs: number = Number.NEGATIVE_INFINITY;
  readonly #waiting: { bytes: Uint8Array; readonly arrivedMs: number }[] = [];
  readonly #flights: Flight[] = [];
  readonly #acks: { readonly atMs: number; readonly byteCount: number }[] = [];
  #waitingBytes = 0;
  #unackedBytes = 0;
  #windowBytes = INITIAL_WINDOW;
  #held = false;

  constructor(ends: FlowEnds, notBeforeMs: number) {
    this.ends = ends;
    this.notBeforeMs = notBeforeMs;
  }

  /** When the next acknowledgement comes. */
  get ackMs(): number {
    return this.#acks[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** When the next piece arrives. */
  get arrivalMs(): number {
    return this.#flights[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  push(bytes: Uint8Array, nowMs: number, bufferBytes: number): void {
    const idle = this.#waiting.length === 0 && this.#unackedBytes === 0;
    if (idle && nowMs - this.servedMs > IDLE_MS) this.#windowBytes = INITIAL_WINDOW;
    this.#waiting.push({ bytes, arrivedMs: nowMs });
    this.#waitingBytes += bytes.byteLength;
    this.#updateHold(bufferBytes);
  }

  /** Nothing more comes from the sender: an empty piece, which crosses like the others, says so. */
  end(nowMs: number): void {
    this.#waiting.push({ bytes: new Uint8Array(), arrivedMs: nowMs });
  }

  /** The earliest time at which its next piece can start; `Infinity` while there is none or the window is shut. */
  readyMs(slowStart: boolean): number {
    const head = this.#waiting[0];
    if (head === undefined || this.ends.blocked) return Number.POSITIVE_INFINITY;
    if (slowStart && this.#room() < Math.min(SEGMENT_BYTES, head.bytes.byteLength)) return Number.POSITIVE_INFINITY;
    return Math.max(head.arrivedMs, this.notBeforeMs);
  }

  /** Bytes of the piece that would go next. */
  nextBytes(maxBytes: number, slowStart: boolean): number {
    const head = this.#waiting[0]?.bytes.byteLength ?? 0;
    return Math.min(head, maxBytes, slowStart ? this.#room() : maxBytes);
  }

  /** Sends a piece off; it arrives at `arrivalMs` or behind the one before it, and is acknowledged at `ackMs`. */
  depart(byteCount: number, times: { departMs: number; arrivalMs: number; ackMs: number }): void {
    const head = this.#waiting[0];
    if (head === undefined) throw new RangeError('Nothing waits');
    this.servedMs = times.departMs;
    this.#flights.push({
      atMs: Math.max(times.arrivalMs, this.#flights.at(-1)?.atMs ?? 0),
      bytes: head.bytes.subarray(0, byteCount),
    });
    if (byteCount === head.bytes.byteLength) this.#waiting.shift();
    else head.bytes = head.bytes.subarray(byteCount);
    this.#waitingBytes -= byteCount;
    this.#unackedBytes += byteCount;
    this.#acks.push({ atMs: Math.max(times.ackMs, this.#acks.at(-1)?.atMs ?? 0), byteCount });
  }

  /** Takes the next acknowledgement: the window grows if it was in the way. */
  acknowledge(): void {
    const ack = this.#acks.shift();
    if (ack === undefined) return;
    if (2 * this.#unackedBytes >= this.#windowBytes) this.#windowBytes += ack.byteCount;
    this.#unackedBytes -= ack.byteCount;
    this.notBeforeMs = Math.max(this.notBeforeMs, ack.atMs);
  }

  /** Hands over what has arrived by `nowMs`. */
  deliverUntil(nowMs: number, bufferBytes: number): void {
    while (!this.ends.blocked) {
      const flight = this.#flights[0];
      if (flight === undefined || flight.atMs > nowMs) break;
      this.#flights.shift();
      if (flight.bytes.byteLength === 0) this.ends.finish();
      else this.ends.deliver(flight.bytes);
    }
    this.#updateHold(bufferBytes);
  }

  #room(): number {
    return this.#windowBytes - this.#unackedBytes;
  }

  #updateHold(bufferBytes: number): void {
    const full = this.#held ? this.#waitingBytes > bufferBytes / 2 : this.#waitingBytes >= bufferBytes;
    if (full === this.#held) return;
    this.#held = full;
    this.ends.hold(full);
  }
}
