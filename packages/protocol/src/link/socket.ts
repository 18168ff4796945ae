/** An incoming message: text, or binary as an ArrayBuffer once `binaryType` is `arraybuffer`. */
export interface LinkMessageEvent {
  readonly data: unknown;
}

/** The end of a socket. */
export interface LinkCloseEvent {
  readonly code: number;
  readonly reason: string;
}

/** What a link needs of a WebSocket: the browser's and that of `ws` both have it. */
export interface LinkSocket {
  binaryType: string;
  /** Bytes handed to `send` and not yet given to the network. */
  readonly bufferedAmount: number;
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** Queues a message; text or one binary message. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Begins to close; the `close` event follows. */
  close(code?: number, reason?: string): void;
  /** Once messages may be sent. */
  addEventListener(type: 'open', listener: () => void): void;
  /** In a browser without a `message`. */
  addEventListener(type: 'error', listener: (event: { readonly message?: string }) => void): void;
  /** For every message, in order. */
  addEventListener(type: 'message', listener: (event: LinkMessageEvent) => void): void;
  /** Once, whatever ended it. */
  addEventListener(type: 'close', listener: (event: LinkCloseEvent) => void): void;
}

const OPEN = 1;

/** Whether messages may be sent now. */
export function isOpen(socket: LinkSocket): boolean {
  return socket.readyState === OPEN;
}
