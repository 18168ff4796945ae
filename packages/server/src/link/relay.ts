import {
  ArrivalLog,
  encodeHeader,
  type FrameHeader,
  type FrameTiming,
  frameBytes,
  type LinkClient,
  type MessagePrefix,
  PREFIX_BYTES,
  parseHeader,
  spentBehind,
  stalledFrame,
} from '@d3/protocol';

/** What a relay needs. */
export interface RelayOptions {
  /** Of the request, as it came. */
  readonly header: FrameHeader;
  /** The link on which the epoch is ready. */
  readonly link: Promise<LinkClient>;
  /** Names the hop above in timings. */
  readonly hop: string;
  /** Called when all of the request has come, with when it came. */
  readonly onWhole: (timing: FrameTiming) => void;
  /** Sends a message of the result down. */
  readonly sendDown: (message: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** Called once, at the end, with why it failed if it did. */
  readonly onEnd: (error?: unknown) => void;
  /** Keep what passed until the result comes, up to so many bytes; 0 keeps nothing. */
  readonly maxKeptBytes: number;
}

/** A result on its way down. */
interface Result {
  readonly payloadBytes: number;
  receivedBytes: number;
  sentBytes: number;
  /** The tier behind passes it on as well. */
  readonly relayed: boolean;
}

/**
 * One request that passes through a tier without layers: each message goes on as it comes, both ways. Only the result's header
 * is opened, to add the hop above to its timings.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #startedMs: number = performance.now();
  readonly #announcedBytes: number;
  readonly #arrivals: ArrivalLog = new ArrivalLog(this.#startedMs);
  #sending: Promise<unknown>;
  #sentBytes = 0;
  #waiting = 0;
  #kept: Uint8Array<ArrayBuffer>[] | undefined = [];
  #keptBytes = 0;
  #result: Result | undefined;
  #unregister: ReturnType<LinkClient['relay']> | undefined;
  #ended = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#announcedBytes = frameBytes(options.header);
    this.#sending = options.link.then((link) => this.#begin(link));
    this.#sending.catch((error: unknown) => this.end(error));
  }

  /** Messages that came and were not handed on yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Messages of the request, header first, all that came; undefined if some are gone or the result has begun to go down. */
  get kept(): readonly Uint8Array<ArrayBuffer>[] | undefined {
    return this.#kept;
  }

  /** Whether all of the request came. */
  get whole(): boolean {
    return this.#sentBytes >= this.#announcedBytes;
  }

  /** Hands the next message of the request on. Resolves when it went out, or the relay has ended. */
  async forward(message: Uint8Array<ArrayBuffer>, prefix: MessagePrefix): Promise<void> {
    if (prefix.part === 'payload') this.#noteArrival(message.byteLength);
    if (this.#sentBytes > this.#announcedBytes) {
      return this.end(new RangeError(`${this.#sentBytes} bytes came where ${this.#announcedBytes} were announced`));
    }
    this.#waiting++;
    this.#keep(message);
    const { link, header } = this.#options;
    const sent = this.#sending.then(async () => {
      if (!this.#ended) await (await link).forward(header.request, message);
    });
    this.#sending = sent;
    await sent.catch((error: unknown) => this.end(error));
    this.#waiting--;
  }

  /** Fails it, if nothing of the rest of its request came for `idleMs`. */
  expire(idleMs: number): void {
    if (this.whole || this.#ended || performance.now() - this.#arrivals.endMs < idleMs) return;
    const { request, kind } = this.#options.header;
    const error = stalledFrame({ kind, request, idleMs, received: this.#sentBytes });
    void this.#options.link.then((link) => link.cancel(request)).catch(() => undefined);
    this.end(error);
  }

  /** Stops the request behind, and everything here. */
  cancel(): void {
    if (this.#ended) return;
    void this.#options.link.then((link) => link.cancel(this.#options.header.request)).catch(() => undefined);
    this.end();
  }

  /** Ends it; only the first call counts. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#unregister?.();
    this.#options.onEnd(error);
  }

  #keep(message: Uint8Array<ArrayBuffer>): void {
    this.#keptBytes += message.byteLength;
    if (this.#keptBytes > this.#options.maxKeptBytes) this.#kept = undefined;
    this.#kept?.push(message);
  }

  #noteArrival(messageBytes: number): void {
    this.#sentBytes += messageBytes - PREFIX_BYTES;
    this.#arrivals.add(messageBytes, performance.now());
    if (this.#sentBytes === this.#announcedBytes) this.#options.onWhole(this.#arrivals.timing());
  }

  #begin(link: LinkClient): void {
    if (this.#ended) return;
    this.#unregister = link.relay(this.#options.header.request, {
      message: (message, prefix) => void this.#returnDown(message, prefix).catch((error: unknown) => this.end(error)),
      failed: (error) => this.end(error),
    });
  }

  async #returnDown(message: Uint8Array<ArrayBuffer>, prefix: MessagePrefix): Promise<void> {
    if (prefix.part === 'header') {
      const header = parseHeader(message);
      const relayed = header.relayed ?? false;
      this.#result = { payloadBytes: frameBytes(header), receivedBytes: 0, sentBytes: 0, relayed };
      this.#kept = undefined;
      const hops = [this.#hopOf(header), ...(header.hops ?? [])];
      return await this.#sendDown(encodeHeader({ ...header, hops, relayed: true }), this.#result, 0);
    }
    if (this.#result === undefined) throw new TypeError('A payload came before its header');
    await this.#sendDown(message, this.#result, message.byteLength - PREFIX_BYTES);
  }

  /** Ends the relay once all went out, not when all came: what cannot be sent must still be told. */
  async #sendDown(message: Uint8Array<ArrayBuffer>, result: Result, payloadBytes: number): Promise<void> {
    result.receivedBytes += payloadBytes;
    // Nothing that befalls the link above concerns it any more.
    if (result.receivedBytes >= result.payloadBytes) this.#unregister?.({ whole: true, relayed: result.relayed });
    await this.#options.sendDown(message);
    result.sentBytes += payloadBytes;
    if (result.sentBytes >= result.payloadBytes) this.end();
  }

  #hopOf(result: FrameHeader): { hop: string; bytesUp: number; bytesDown: number; ms: number } {
    const ms = Math.max(0, performance.now() - this.#startedMs - spentBehind(result));
    return { hop: this.#options.hop, bytesUp: this.#announcedBytes, bytesDown: frameBytes(result), ms };
  }
}
