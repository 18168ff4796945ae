import { linkError } from './errors.ts';
import { isOpen, type LinkSocket } from './socket.ts';

/** How much a sender may hold. */
export interface SendLimits {
  /** Bytes handed to the socket ahead of the network; beyond them messages wait here, where they can be cancelled. 256 KiB. */
  readonly highWaterBytes?: number;
  /** Bytes that may wait here; beyond them frames are refused. 256 MiB. */
  readonly maxQueuedBytes?: number;
}

interface Entry {
  readonly request: number;
  readonly bytes: number;
  readonly messages: Iterator<Uint8Array<ArrayBuffer>>;
  readonly settle: (error?: unknown) => void;
}

const HIGH_WATER_BYTES = 1 << 18;
const MAX_QUEUED_BYTES = 1 << 28;
/** How often a full socket is looked at: seldom while it stays as full as it was. */
const POLL_MS = 2;
const LONGEST_POLL_MS = 16;

/**
 * Sends frames through a socket, one after the other, at the pace of the network: the browser has no event for a drained
 * socket, so `bufferedAmount` is looked at every few milliseconds. Control texts overtake waiting frames.
 */
export class SendQueue {
  readonly #socket: LinkSocket;
  readonly #peer: string;
  readonly #highWaterBytes: number;
  readonly #maxQueuedBytes: number;
  #entries: Entry[] = [];
  #queuedBytes = 0;
  #timer: unknown;
  #polls = 0;

  /** @param peer - names the other end in errors */
  constructor(socket: LinkSocket, peer: string, limits: SendLimits = {}) {
    this.#socket = socket;
    this.#peer = peer;
    this.#highWaterBytes = limits.highWaterBytes ?? HIGH_WATER_BYTES;
    this.#maxQueuedBytes = limits.maxQueuedBytes ?? MAX_QUEUED_BYTES;
  }

  /** Bytes of frames that were not handed to the socket yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Sends a control text now; does nothing once the socket is closed. */
  sendText(text: string): void {
    if (isOpen(this.#socket)) this.#socket.send(text);
  }

  /**
   * Queues a frame's messages. They are drawn from `messages` only when there is room, and a message may reuse the memory of the
   * one before it only if the socket copies (both kinds here do not promise it).
   *
   * @param frame.bytes - what all messages take together
   * @returns when the last message was handed to the socket, or the frame was dropped by {@link drop}
   * @throws D3Error `PROTOCOL_LINK_BACKLOG`, `PROTOCOL_LINK_CLOSED`
   */
  sendFrame(frame: {
    readonly request: number;
    readonly bytes: number;
    readonly messages: Iterable<Uint8Array<ArrayBuffer>>;
  }): Promise<void> {
    if (!isOpen(this.#socket)) return Promise.reject(this.#closed());
    // One frame always has room: what is too large for the peer is refused by the peer's own limits.
    if (this.#queuedBytes > 0 && this.#queuedBytes + frame.bytes > this.#maxQueuedBytes) {
      return Promise.reject(
        linkError('PROTOCOL_LINK_BACKLOG', {
          peer: this.#peer,
          queuedBytes: this.#queuedBytes,
          maxQueuedBytes: this.#maxQueuedBytes,
        }),
      );
    }
    this.#queuedBytes += frame.bytes;
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown) => (error === undefined ? resolve() : reject(error));
      const { request, bytes, messages } = frame;
      this.#entries.push({ request, bytes, messages: messages[Symbol.iterator](), settle });
      this.#pump();
    });
  }

  /** Forgets what of a request was not sent yet; its `sendFrame` resolves. */
  drop(request: number): void {
    for (const entry of this.#entries.filter((candidate) => candidate.request === request)) this.#end(entry);
  }

  /** Rejects everything that waits; for a socket that closed. */
  close(): void {
    for (const entry of this.#entries.slice()) this.#end(entry, this.#closed());
  }

  #pump(): void {
    if (this.#timer !== undefined) return;
    while (this.#socket.bufferedAmount < this.#highWaterBytes) {
      const entry = this.#entries[0];
      if (entry === undefined) return;
      this.#sendOne(entry);
    }
    if (this.#entries.length > 0) this.#wait(this.#socket.bufferedAmount);
  }

  /** Looks again when the socket may have drained. */
  #wait(fullBytes: number): void {
    const pauseMs = Math.min(LONGEST_POLL_MS, POLL_MS * 2 ** this.#polls);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#polls = this.#socket.bufferedAmount < fullBytes ? 0 : this.#polls + 1;
      if (isOpen(this.#socket)) this.#pump();
      else this.close();
    }, pauseMs);
  }

  #sendOne(entry: Entry): void {
    try {
      const next = entry.messages.next();
      if (next.done === true) this.#end(entry);
      else this.#socket.send(next.value);
    } catch (error) {
      this.#end(entry, error);
    }
  }

  #end(entry: Entry, error?: unknown): void {
    this.#entries = this.#entries.filter((candidate) => candidate !== entry);
    this.#queuedBytes -= entry.bytes;
    entry.messages.return?.();
    entry.settle(error);
    if (this.#entries.length > 0 || this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #closed(): Error {
    return linkError('PROTOCOL_LINK_CLOSED', { peer: this.#peer, code: 1006, reason: '' });
  }
}
