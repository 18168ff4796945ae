import { ByteQueue } from './byte-queue.ts';

/** What a {@link WebSocketReader} finds. */
export type WebSocketItem =
  | {
      readonly kind: 'message';
      readonly data: string | Uint8Array<ArrayBuffer>;
      readonly frames: number;
      readonly compressed: boolean;
    }
  | { readonly kind: 'control'; readonly opcode: 'close' | 'ping' | 'pong'; readonly data: Uint8Array<ArrayBuffer> };

interface FrameHead {
  readonly final: boolean;
  readonly compressed: boolean;
  readonly opcode: number;
  readonly mask: Uint8Array | undefined;
  readonly headBytes: number;
  readonly payloadBytes: number;
}

const CONTROLS = new Map([
  [8, 'close'],
  [9, 'ping'],
  [10, 'pong'],
] as const);
const TEXT = 1;
const MAX_HEAD = 14;

/** Reads the frames of one direction of a WebSocket (RFC 6455, section 5). */
export class WebSocketReader {
  readonly #queue = new ByteQueue();
  #parts: Uint8Array[] = [];
  #opcode = 0;
  #compressed = false;
  #head: FrameHead | undefined;

  /**
   * Takes the next bytes.
   *
   * @returns the messages that they complete
   * @throws Error for bytes that are no WebSocket frame
   */
  push(bytes: Uint8Array): WebSocketItem[] {
    this.#queue.push(bytes);
    const items: WebSocketItem[] = [];
    for (;;) {
      this.#head ??= parseHead(this.#queue.peek(MAX_HEAD));
      if (this.#head === undefined || this.#queue.length < this.#head.headBytes + this.#head.payloadBytes) return items;
      this.#queue.skip(this.#head.headBytes);
      const payload = this.#queue.take(this.#head.payloadBytes);
      const head = this.#head;
      this.#head = undefined;
      if (head.mask !== undefined) unmask(payload, head.mask);
      const item = this.#accept(head, payload);
      if (item !== undefined) items.push(item);
    }
  }

  #accept(head: FrameHead, payload: Uint8Array<ArrayBuffer>): WebSocketItem | undefined {
    const control = CONTROLS.get(head.opcode as 8 | 9 | 10);
    if (control !== undefined) return { kind: 'control', opcode: control, data: payload };
    if (head.opcode > 2 || (head.opcode === 0) !== this.#parts.length > 0) {
      throw new Error(`WebSocket opcode ${head.opcode} is out of place`);
    }
    if (head.opcode !== 0) {
      this.#opcode = head.opcode;
      this.#compressed = head.compressed;
    }
    this.#parts.push(payload);
    if (!head.final) return undefined;
    const frames = this.#parts.length;
    const data = frames === 1 ? payload : join(this.#parts);
    const compressed = this.#compressed;
    this.#parts = [];
    const asText = this.#opcode === TEXT && !compressed;
    return { kind: 'message', data: asText ? new TextDecoder().decode(data) : data, frames, compressed };
  }
}

function parseHead(start: Uint8Array<ArrayBuffer>): FrameHead | undefined {
  if (start.length < 2) return undefined;
  const view = new DataView(start.buffer);
  const [first, second] = [view.getUint8(0), view.getUint8(1)];
  if ((first & 0x30) !== 0) throw new Error('WebSocket frame with reserved bits');
  const short = second & 0x7f;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const masked = (second & 0x80) !== 0;
  const headBytes = 2 + lengthBytes + (masked ? 4 : 0);
  if (start.length < headBytes) return undefined;
  const long = lengthBytes === 8 ? Number(view.getBigUint64(2)) : lengthBytes === 2 ? view.getUint16(2) : short;
  return {
    final: (first & 0x80) !== 0,
    compressed: (first & 0x40) !== 0,
    opcode: first & 0x0f,
    mask: masked ? start.subarray(headBytes - 4, headBytes) : undefined,
    headBytes,
    payloadBytes: long,
  };
}

function unmask(payload: Uint8Array, mask: Uint8Array): void {
  for (let at = 0; at < payload.length; at++) payload[at] = Number(payload[at]) ^ Number(mask[at & 3]);
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}
