/** `up`: from the client to the target. */
export type Direction = 'up' | 'down';

interface TapBase {
  readonly direction: Direction;
  /** Counts connections from 1. */
  readonly connection: number;
  /** By `performance.now()`, when the proxy had read it whole: before it is shaped. */
  readonly atMs: number;
}

/** A request, a plain one or that of a WebSocket's upgrade. */
export interface TapHttp extends TapBase {
  readonly kind: 'http';
  readonly method: string;
  readonly path: string;
  readonly upgrade: boolean;
  /** Request line and headers as they came. */
  readonly head: string;
}

/** A whole WebSocket message, unmasked, its fragments joined. */
export interface TapMessage extends TapBase {
  readonly kind: 'message';
  readonly data: string | Uint8Array<ArrayBuffer>;
  /** WebSocket frames that it came in. */
  readonly frames: number;
  /** Whether `data` is still compressed (permessage-deflate), and then always bytes. */
  readonly compressed: boolean;
}

/** A WebSocket ping, pong or close. */
export interface TapControl extends TapBase {
  readonly kind: 'control';
  readonly opcode: 'close' | 'ping' | 'pong';
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Bytes that are neither HTTP/1.1 nor WebSocket; the rest of that direction is passed on unseen. */
export interface TapUnparsed extends TapBase {
  readonly kind: 'unparsed';
  readonly problem: string;
}

/** What a tap sees. */
export type TapEvent = TapHttp | TapMessage | TapControl | TapUnparsed;

/** Called for everything that a sender sent, in order, also if the link then loses it. The bytes are the tap's own. */
export type Tap = (event: TapEvent) => void;
