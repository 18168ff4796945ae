import { D3Error } from '@d3/errors';
import { type LinkDirection, SAMPLE_BYTES, type Transfer, Warmth } from '@d3/profile';
import { ArrivalLog } from '../arrival-log.ts';
import type { Control, ControlMap, ControlNotices } from '../control.ts';
import { type MessagePrefix, PREFIX_BYTES, readPrefix } from '../message.ts';
import { encodeControl, parseControl } from '../parse-control.ts';
import { stalledFrame } from '../stalled-frame.ts';
import { linkError } from './errors.ts';
import { reportedTransfer, transferOf } from './frame-transfer.ts';
import { encodeRequest, type LinkRequest, type LinkResult, ResultReceiver } from './link-request.ts';
import { PendingReplies, type ReplyOptions } from './pending-replies.ts';
import { type SendLimits, SendQueue } from './send-queue.ts';
import { isOpen, type LinkCloseEvent, type LinkSocket } from './socket.ts';

/** How a near side behaves. */
export interface LinkOptions extends SendLimits {
  /** Address, for errors. */
  readonly url: string;
  /** Names the hop in timings, e.g. `device-edge`. */
  readonly hop: string;
  /** Called with every notice that is not about one request: `status`, `draining`, `refused`. */
  readonly onNotice?: (notice: LinkNotice) => void;
  /** Longest tensor and frame that is accepted in results; 1 GiB each by default. */
  readonly maxResultBytes?: number;
}

/** A notice about the link as a whole. */
export type LinkNotice = {
  [T in 'status' | 'draining' | 'refused']: { readonly type: T; readonly notice: ControlNotices[T] };
}[keyof Pick<ControlNotices, 'status' | 'draining' | 'refused'>];

/** Gets what the peer sends about one request. */
export interface ResultSink {
  /** A message of the result frame; the bytes are the sink's own. */
  message(message: Uint8Array<ArrayBuffer>, prefix: MessagePrefix): void;
  /** The request failed, or the link did; nothing follows. */
  failed(error: unknown): void;
}

/** A request in flight. */
interface Exchange {
  readonly sink: ResultSink;
  /** Its messages come from elsewhere, at their own pace. */
  readonly paced: boolean;
  /** How wide the window was when it began. */
  readonly warmBytes: number;
  readonly sentMs: number;
  /** Bytes that went up, prefixes included. */
  sentBytes: number;
  /** The peer has said when they came. */
  timed: boolean;
  /** Of its result, once that has begun. */
  log?: ArrivalLog;
  resultWarmBytes: number;
}

const NORMAL_CLOSURE = 1000;
/** Of the range for applications: a browser lets a page close with no other code but 1000. */
const PEER_MALFORMED = 4002;

/**
 * The nearer end of a link: a device to its edge, an edge to the cloud. It speaks first, numbers requests, and pairs what comes
 * back. Works over any WebSocket, in a browser, a worker or Node.
 */
export class LinkClient {
  /** Settles when the socket has closed; never rejects. Everything pending has then been rejected. */
  readonly closed: Promise<LinkCloseEvent>;
  readonly #socket: LinkSocket;
  readonly #options: LinkOptions;
  readonly #replies: PendingReplies;
  readonly #queue: SendQueue;
  readonly #exchanges = new Map<number, Exchange>();
  readonly #observers = new Set<(transfer: Transfer) => void>();
  readonly #warmth = { up: new Warmth(), down: new Warmth() };
  #begun = 0;
  #nextRequest = 1;

  /** Takes over an open socket; see {@link openLink} for one that is still connecting. */
  constructor(socket: LinkSocket, options: LinkOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#replies = new PendingReplies(options.url);
    this.#queue = new SendQueue(socket, options.url, options);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => this.#receive(data));
    // A close follows every error; without a listener `ws` would throw.
    socket.addEventListener('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => {
        this.#fail(this.#closedWith(code, reason));
        resolve({ code, reason });
      });
    });
  }

  /** Whether requests can be sent. */
  get open(): boolean {
    return isOpen(this.#socket);
  }

  /** Bytes of frames that wait for the network. */
  get queuedBytes(): number {
    return this.#queue.queuedBytes;
  }

  /** Bytes that wait for the network, those that the socket holds included. */
  get unsentBytes(): number {
    return this.#queue.queuedBytes + this.#socket.bufferedAmount;
  }

  /** Requests and results that have begun so far: changes when a frame starts to cross. */
  get framesBegun(): number {
    return this.#begun;
  }

  /** Requests whose result is outstanding. */
  get pendingRequests(): number {
    return this.#exchanges.size;
  }

  /**
   * Sends a control request and waits for its answer.
   *
   * @throws D3Error the peer's, `PROTOCOL_LINK_TIMEOUT`, `PROTOCOL_LINK_CLOSED`; the signal's reason when aborted
   */
  async ask<T extends keyof ControlMap>(
    type: T,
    body: ControlMap[T][0],
    options?: ReplyOptions,
  ): Promise<ControlMap[T][1]> {
    if (!this.open) throw this.#closedWith(1006, '');
    return await this.#replies.ask(type, (id) => this.#send({ type, id, body } as Control), options);
  }

  /** Measures one round trip, in milliseconds. */
  async ping(options?: ReplyOptions): Promise<number> {
    const sentMs = performance.now();
    await this.ask('ping', { sentMs }, options);
    return performance.now() - sentMs;
  }

  /** Requests that are under way up and of which the peer has not said when they came. */
  pendingTransfers(): { readonly direction: 'up'; readonly bytes: number; readonly sentMs: number }[] {
    return [...this.#exchanges.values()]
      .filter(({ log, timed, sentBytes }) => log === undefined && !timed && sentBytes >= SAMPLE_BYTES)
      .map(({ sentBytes, sentMs }) => ({ direction: 'up', bytes: sentBytes, sentMs }));
  }

  /** By how much each direction's window is wider now than that of a connection that has been idle, in bytes. */
  warmBytes(): { readonly up: number; readonly down: number } {
    const nowMs = performance.now();
    return { up: this.#warmth.up.at(nowMs), down: this.#warmth.down.at(nowMs) };
  }

  /** For how long nothing has crossed in each direction. */
  idleMs(): { readonly up: number; readonly down: number } {
    const nowMs = performance.now();
    return { up: this.#warmth.up.idleMs(nowMs), down: this.#warmth.down.idleMs(nowMs) };
  }

  /** Something that was no frame has crossed, with at most `underWay` bytes of it on their way at once. */
  noteBurst(direction: LinkDirection, bytes: number, underWay: number): void {
    this.#warmth[direction].carried(bytes, performance.now(), underWay);
  }

  /**
   * Tells of every frame that has crossed: of those that came when they are whole, of those that went once the peer has said when they
   * came.
   *
   * @returns ends it
   */
  onTransfer(observer: (transfer: Transfer) => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /**
   * Fails requests whose result began and then stopped coming for `idleMs`, with `PROTOCOL_FRAME_STALLED`. To be called now and then.
   */
  expire(idleMs: number): void {
    const nowMs = performance.now();
    for (const [request, { sink, log }] of [...this.#exchanges]) {
      if (log === undefined || nowMs - log.endMs < idleMs) continue;
      this.cancel(request);
      this.#exchanges.delete(request);
      const received = log.timing().bytes;
      sink.failed(stalledFrame({ kind: 'result', request, idleMs, received }));
    }
  }

  /**
   * Sends boundary tensors and waits for the network's outputs that were made behind this hop.
   *
   * Calls may overlap. Tensors are read until the promise settles and stay the caller's; results are the caller's own.
   *
   * @throws D3Error what failed behind the hop; `PROTOCOL_LINK_TIMEOUT` after `deadlineMs`, `PROTOCOL_LINK_CLOSED`,
   * `PROTOCOL_LINK_BACKLOG`; the signal's reason when aborted (the peer is told to stop)
   */
  async infer(request: LinkRequest): Promise<LinkResult> {
    const { signal, deadlineMs } = request;
    signal?.throwIfAborted();
    const id = request.request ?? this.#freeRequest();
    this.#checkFree(id);
    const startedMs = performance.now();
    const frame = encodeRequest(id, request);
    const { hop, maxResultBytes: maxBytes, url } = this.#options;
    const receiver = new ResultReceiver({ hop, startedMs, sent: frame, maxBytes });
    return await new Promise((resolve, reject) => {
      const end = this.#register(id, false, {
        message: (message) => {
          try {
            const result = receiver.push(message);
            if (result === undefined) return;
            this.#came(id, result.relayed);
            settle(() => resolve(result));
          } catch (error) {
            stop(error);
          }
        },
        failed: (error) => settle(() => reject(error)),
      });
      const settle = (act: () => void) => {
        end();
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        act();
      };
      const stop = (reason: unknown) => {
        this.cancel(id);
        settle(() => reject(reason));
      };
      const late = () =>
        stop(linkError('PROTOCOL_LINK_TIMEOUT', { peer: url, what: `request ${id}`, timeoutMs: deadlineMs ?? 0 }));
      const timer = deadlineMs === undefined ? undefined : setTimeout(late, deadlineMs);
      const abort = () => stop(signal?.reason);
      signal?.addEventListener('abort', abort);
      this.#goes(id, frame.payloadBytes + frame.messageCount * PREFIX_BYTES);
      const sent = this.#queue.sendFrame({ request: id, bytes: frame.payloadBytes, messages: frame });
      sent.catch((error: unknown) => settle(() => reject(error)));
    });
  }

  /**
   * Registers a request whose messages the caller sends by {@link forward} and whose result goes to `sink` message by message:
   * what a relay does.
   *
   * @returns ends the registration, without telling the peer; `whole` if all of the result came
   */
  relay(request: number, sink: ResultSink): (how?: { readonly whole: boolean; readonly relayed: boolean }) => void {
    this.#checkFree(request);
    const end = this.#register(request, true, sink);
    return ({ whole, relayed } = { whole: false, relayed: false }) => {
      if (whole) this.#came(request, relayed);
      end();
    };
  }

  /**
   * Sends one message of a relayed request, after those before it.
   *
   * @returns when it was handed to the socket
   * @throws D3Error `PROTOCOL_LINK_CLOSED`, `PROTOCOL_LINK_BACKLOG`
   */
  async forward(request: number, message: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#goes(request, message.byteLength);
    await this.#queue.sendFrame({ request, bytes: message.byteLength, messages: [message] });
  }

  /** Tells the peer that a request's result is not wanted, and stops sending it. */
  cancel(request: number): void {
    this.#queue.drop(request);
    this.#send({ type: 'cancel', notice: { request } });
  }

  /** Closes the socket; what is pending rejects with `PROTOCOL_LINK_CLOSED`. */
  close(code: number = NORMAL_CLOSURE, reason = ''): void {
    this.#socket.close(code, reason);
    this.#fail(this.#closedWith(code, reason));
  }

  #freeRequest(): number {
    while (this.#exchanges.has(this.#nextRequest)) this.#nextRequest = (this.#nextRequest % 0xffff_ffff) + 1;
    return this.#nextRequest++;
  }

  #checkFree(request: number): void {
    if (this.#exchanges.has(request)) throw new RangeError(`Request ${request} is in flight on this link`);
  }

  #register(request: number, paced: boolean, sink: ResultSink): () => void {
    const { up } = this.warmBytes();
    const start = { sentMs: performance.now(), sentBytes: 0, timed: false, resultWarmBytes: 0 };
    const exchange: Exchange = { sink, paced, warmBytes: up, ...start };
    this.#exchanges.set(request, exchange);
    this.#begun++;
    return () => {
      if (this.#exchanges.get(request) === exchange) this.#exchanges.delete(request);
    };
  }

  /** Bytes of a request are about to go up. */
  #goes(request: number, bytes: number): void {
    const exchange = this.#exchanges.get(request);
    if (exchange !== undefined) exchange.sentBytes += bytes;
    this.#warmth.up.touch(performance.now());
  }

  /** All of a result has come. */
  #came(request: number, relayed: boolean): void {
    const exchange = this.#exchanges.get(request);
    if (exchange?.log === undefined) return;
    const timing = exchange.log.timing();
    const atMs = performance.now();
    this.#warmth.down.carried(timing.bytes, atMs);
    const context = { direction: 'down', atMs, warmBytes: exchange.resultWarmBytes, paced: relayed } as const;
    this.#tell(transferOf(timing, context));
  }

  /** The peer has timed a request. */
  #wasTimed(notice: ControlNotices['timed']): void {
    const exchange = this.#exchanges.get(notice.request);
    if (exchange === undefined) return;
    const { warmBytes, sentBytes, paced } = exchange;
    exchange.timed = true;
    const atMs = performance.now();
    this.#warmth.up.carried(sentBytes, atMs);
    const transfer = reportedTransfer(notice, { direction: 'up', atMs, warmBytes, paced, sentBytes });
    if (transfer !== undefined) this.#tell(transfer);
  }

  #tell(transfer: Transfer): void {
    for (const observer of this.#observers) observer(transfer);
  }

  #send(control: Control): void {
    this.#warmth.up.touch(performance.now());
    this.#queue.sendText(encodeControl(control));
  }

  #receive(data: unknown): void {
    try {
      this.#warmth.down.touch(performance.now());
      if (typeof data === 'string') this.#receiveControl(parseControl(data));
      else if (data instanceof ArrayBuffer) this.#receiveMessage(new Uint8Array(data));
    } catch (error) {
      // A peer that speaks nonsense cannot be worked with: everything pending fails with the reason.
      this.#fail(error);
      this.#socket.close(PEER_MALFORMED, 'malformed message');
    }
  }

  #receiveControl(control: Control): void {
    if ('id' in control) this.#replies.settle(control);
    else if (control.type === 'failed') this.#failOne(control.notice);
    else if (control.type === 'timed') this.#wasTimed(control.notice);
    else if (control.type !== 'cancel') this.#options.onNotice?.(control);
  }

  #failOne({ request, error }: ControlNotices['failed']): void {
    const exchange = this.#exchanges.get(request);
    this.#exchanges.delete(request);
    this.#queue.drop(request);
    exchange?.sink.failed(D3Error.fromJSON(error));
  }

  #receiveMessage(message: Uint8Array<ArrayBuffer>): void {
    const prefix = readPrefix(message);
    const exchange = this.#exchanges.get(prefix.request);
    // Late results of cancelled requests find none.
    if (prefix.kind !== 'result' || exchange === undefined) return;
    const nowMs = performance.now();
    if (prefix.part === 'header') {
      this.#begun++;
      exchange.resultWarmBytes = this.#warmth.down.at(nowMs);
      exchange.log = new ArrivalLog(nowMs);
    } else exchange.log?.add(message.byteLength, nowMs);
    exchange.sink.message(message, prefix);
  }

  #closedWith(code: number, reason: string): Error {
    return linkError('PROTOCOL_LINK_CLOSED', {
      peer: this.#options.url,
      code,
      reason: reason === '' ? '' : `: ${reason}`,
    });
  }

  #fail(error: unknown): void {
    this.#queue.close();
    this.#replies.fail(error);
    const exchanges = [...this.#exchanges.values()];
    this.#exchanges.clear();
    for (const { sink } of exchanges) sink.failed(error);
  }
}
