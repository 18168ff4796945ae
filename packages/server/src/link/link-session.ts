import { type D3Error, isD3Error } from '@d3/errors';
import {
  type AssembledFrame,
  type Control,
  type ControlMap,
  checkExpected,
  encodeControl,
  encodeFrame,
  encodeHeader,
  FrameAssembler,
  type FrameHeader,
  type FrameTiming,
  type MessagePrefix,
  PingAnswerer,
  parseControl,
  parseHeader,
  readPrefix,
  SendQueue,
  timedNotice,
  type Welcome,
} from '@d3/protocol';
import type { FastifyBaseLogger } from 'fastify';
import type { WebSocket } from 'ws';
import { serverError } from '../errors.ts';
import type { Executor } from '../executor/executor.ts';
import type { ModelStore } from '../model-store/model-store.ts';
import type { ServerLimits } from '../options.ts';
import { sameToken } from '../same-token.ts';
import { NextTier } from '../upstream/next-tier.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { EpochTable } from './epoch-table.ts';
import { isLoss } from './loss.ts';
import type { PreparedEpoch } from './prepared-epoch.ts';
import { recognisableRequest } from './recognisable-request.ts';
import { Relay } from './relay.ts';
import { hopName, runRequest } from './run-request.ts';
import type { TierStatus } from './status-announcer.ts';

/** What all links of a server share. */
export interface LinkServices {
  readonly tier: string;
  readonly token: string | undefined;
  readonly limits: ServerLimits;
  readonly store: ModelStore;
  readonly executor: Executor;
  /** Whether layers of the next tier run here when that is lost. */
  readonly standsIn: boolean;
  /** Whether that is prepared for while nothing runs. */
  readonly preparesAhead: boolean;
  /** The next tier, if there is one. */
  readonly upstream: () => Upstream | undefined;
  readonly log: FastifyBaseLogger;
  readonly welcome: () => Promise<Welcome>;
  readonly draining: () => boolean;
  /** The typed error for what went wrong in here; logs the rest. */
  readonly explain: (error: unknown, what: string) => D3Error;
}

interface Job {
  readonly abort: AbortController;
  readonly relay?: Relay;
  /** Whether all of its frame is here. */
  readonly whole: () => boolean;
}

type ControlRequest = Extract<Control, { readonly body: unknown }>;

/** Thrown into a job whose peer does not want it any more: nothing is answered. */
const CANCELLED = Symbol('cancelled');
const HELLO_WITHIN_MS = 10_000;
/** What is queued when a link is closed may take this long to go out. */
const FLUSH_WITHIN_MS = 1_000;
const POLICY_VIOLATION = 1008;
/** A peer that sends this many messages that make no sense has a fault that more messages will not mend. */
const MAX_REFUSED = 32;
/** Messages that a relay holds before its sender is slowed down. */
const RELAY_WINDOW = 64;

/**
 * The farther end of one link: answers control messages, runs requests in the epochs that were proposed, and says of each that
 * fails why. What goes wrong with one message leaves the others alone. When the socket closes, everything of it is freed.
 */
export class LinkSession {
  readonly #socket: WebSocket;
  readonly #services: LinkServices;
  readonly #queue: SendQueue;
  readonly #assembler: FrameAssembler;
  readonly #epochs: EpochTable;
  readonly #nextTier: NextTier;
  readonly #jobs = new Map<number, Job>();
  readonly #repeated = new Set<number>();
  /** Requests that were relayed until the next tier was lost, and are about to be assembled here. */
  readonly #takenOver = new Set<number>();
  readonly #pings = new PingAnswerer();
  readonly #helloTimer: NodeJS.Timeout;
  readonly #onIdle: () => void;
  #greeted = false;
  #refused = 0;

  /** @param onIdle - called whenever the last request in flight has ended */
  constructor(socket: WebSocket, services: LinkServices, onIdle: () => void) {
    const { tier, limits, upstream } = services;
    this.#socket = socket;
    this.#services = services;
    this.#onIdle = onIdle;
    this.#queue = new SendQueue(socket, 'the nearer tier', { maxQueuedBytes: limits.maxQueuedBytes });
    this.#assembler = new FrameAssembler({ limits, expect: (header) => this.#expect(header) });
    this.#nextTier = new NextTier(tier, upstream());
    this.#epochs = new EpochTable({ ...services, nextTier: this.#nextTier }, limits.maxEpochs);
    this.#helloTimer = setTimeout(() => socket.close(POLICY_VIOLATION, 'no hello'), HELLO_WITHIN_MS);
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    socket.on('close', () => this.#free());
    socket.on('error', (error) => services.log.debug({ err: error }, 'link error'));
  }

  /** Requests in flight, those that are still coming included. */
  get inFlight(): number {
    return this.#jobs.size + this.#assembler.pending;
  }

  /** The next tier is gone: makes its layers ready here for the epochs that have some. */
  async standIn(): Promise<void> {
    for (const { standIn } of this.#epochs.ready) await standIn?.warmUp();
  }

  /** Tells the peer, once it has greeted, how tiers, links and models are now. */
  announce(status: TierStatus): void {
    if (this.#greeted) this.#send({ type: 'status', notice: status });
  }

  /** Fails requests of whose frame nothing came for `idleMs`. */
  expire(idleMs: number): void {
    for (const { request, error } of this.#assembler.expire(idleMs)) this.#reject(request, error);
    for (const { relay } of [...this.#jobs.values()]) relay?.expire(idleMs);
  }

  /** Tells the peer that the server is going away. */
  drain(reason: string): void {
    if (this.#greeted) this.#send({ type: 'draining', notice: { reason } });
  }

  /** Closes the socket once everything that waits to be sent is out; cuts off a peer that has stopped reading. */
  async close(code: number, reason: string): Promise<void> {
    const endsMs = performance.now() + FLUSH_WITHIN_MS;
    while (this.#queue.queuedBytes > 0 && this.#socket.readyState === this.#socket.OPEN) {
      if (performance.now() > endsMs) return this.#socket.terminate();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#socket.close(code, reason);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (isBinary) this.#receiveMessage(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength));
    else this.#receiveText(data.toString('utf8'));
  }

  #receiveText(text: string): void {
    let control: Control;
    try {
      control = parseControl(text);
    } catch (error) {
      const request = recognisableRequest(text);
      const json = this.#services.explain(error, 'a control message').toJSON();
      if (request === undefined) this.#refuse(json);
      else this.#send({ ...request, error: json });
      return;
    }
    if ('body' in control) void this.#answer(control);
    else if (control.type === 'cancel' && 'notice' in control) this.#cancel(control.notice.request);
  }

  async #answer(control: ControlRequest): Promise<void> {
    const { type, id } = control;
    try {
      this.#send({ type, id, reply: await this.#reply(control) } as Control);
    } catch (error) {
      this.#send({ type, id, error: this.#services.explain(error, type).toJSON() });
      if (isD3Error(error, 'SERVER_TOKEN_REFUSED')) this.#socket.close(POLICY_VIOLATION, 'token refused');
    }
  }

  async #reply(control: ControlRequest): Promise<ControlMap[keyof ControlMap][1]> {
    if (control.type === 'hello') return await this.#greet(control.body);
    if (!this.#greeted) throw serverError('SERVER_HELLO_REQUIRED', { type: control.type });
    if (control.type === 'ping') return this.#pings.answer(control.body);
    if (control.type === 'release') {
      this.#epochs.release(control.body.epoch);
      return {};
    }
    this.#checkServing();
    const ready = await this.#epochs.propose(control.body);
    if (this.#services.preparesAhead) void this.#epochs.peek(ready.epoch)?.standIn?.warmUpAhead();
    return ready;
  }

  async #greet(hello: ControlMap['hello'][0]): Promise<Welcome> {
    const { token, tier } = this.#services;
    if (token !== undefined && !sameToken(hello.token, token)) {
      throw serverError('SERVER_TOKEN_REFUSED', { tier, what: 'link' });
    }
    this.#checkServing();
    clearTimeout(this.#helloTimer);
    this.#greeted = true;
    return await this.#services.welcome();
  }

  #checkServing(): void {
    if (this.#services.draining()) throw serverError('SERVER_DRAINING', { tier: this.#services.tier });
  }

  #receiveMessage(message: Uint8Array<ArrayBuffer>): void {
    try {
      if (!this.#greeted) throw serverError('SERVER_HELLO_REQUIRED', { type: 'frame' });
      const prefix = readPrefix(message);
      if (this.#isRepeat(prefix)) return;
      if (!this.#relayed(message, prefix)) this.#assemble(message);
    } catch (error) {
      this.#refuse(this.#services.explain(error, 'a binary message').toJSON());
    }
  }

  #assemble(message: Uint8Array<ArrayBuffer>): void {
    const event = this.#assembler.push(message);
    if (event === undefined) return;
    if ('frame' in event) this.#start(event.frame);
    else this.#reject(event.rejected.request, event.rejected.error);
  }

  /** Fails a request that never became a job. */
  #reject(request: number, error: unknown): void {
    this.#fail(request, error);
    if (this.inFlight === 0) this.#onIdle();
  }

  /** Whether a message is of a request that was sent again while it runs: it is answered once. */
  #isRepeat({ kind, part, request }: MessagePrefix): boolean {
    if (kind !== 'request') return false;
    if (part === 'header' && this.#jobs.get(request)?.whole() === true) this.#repeated.add(request);
    return this.#repeated.has(request);
  }

  /** Called by the assembler before it takes a frame. */
  #expect(header: FrameHeader): void {
    if (!this.#takenOver.delete(header.request)) this.#admit(header.request);
    checkExpected(header, this.#epochs.find(header.epoch).expected);
  }

  #admit(request: number): void {
    const { tier, limits } = this.#services;
    this.#checkServing();
    const count = this.#jobs.size;
    if (count < limits.maxInFlight && !this.#jobs.has(request)) return;
    throw serverError('SERVER_BUSY', { count, where: 'this link', tier, max: limits.maxInFlight });
  }

  #start(frame: AssembledFrame): void {
    const { request, epoch } = frame.header;
    this.#tellTiming(request, frame.timing);
    const job: Job = { abort: new AbortController(), whole: () => true };
    const { prepared, end } = this.#epochs.use(epoch);
    this.#jobs.set(request, job);
    void this.#run(frame, prepared, job)
      .catch((error: unknown) => this.#fail(request, error))
      .finally(() => {
        end();
        this.#finish(request);
      });
  }

  /** Tells the nearer tier when its frame came, so that it knows the link. */
  #tellTiming(request: number, timing: FrameTiming): void {
    const notice = timedNotice(request, timing);
    if (notice !== undefined) this.#send(notice);
  }

  async #run(frame: AssembledFrame, epoch: PreparedEpoch, { abort }: Job): Promise<void> {
    const { request, deadlineMs } = frame.header;
    const timer = this.#limit(abort, frame.header);
    const endsMs = deadlineMs === undefined ? undefined : performance.now() + deadlineMs;
    try {
      const services = { ...this.#services, nextTier: this.#nextTier };
      const outcome = await runRequest(services, epoch, frame, { signal: abort.signal, endsMs });
      abort.signal.throwIfAborted();
      const { outputs, segments, hops } = outcome;
      const result = encodeFrame({ kind: 'result', request, epoch: frame.header.epoch, segments, hops }, outputs);
      await this.#queue.sendFrame({ request, bytes: result.payloadBytes, messages: result });
    } finally {
      clearTimeout(timer);
    }
  }

  #limit(abort: AbortController, { request, deadlineMs }: FrameHeader): NodeJS.Timeout | undefined {
    if (deadlineMs === undefined) return undefined;
    const { tier } = this.#services;
    const late = () => abort.abort(serverError('SERVER_DEADLINE_EXCEEDED', { request, deadlineMs, tier }));
    return setTimeout(late, deadlineMs);
  }

  /** Whether a message belongs to a request that only passes through; it is then taken care of. */
  #relayed(message: Uint8Array<ArrayBuffer>, prefix: MessagePrefix): boolean {
    if (prefix.kind !== 'request') return false;
    const relay = prefix.part === 'header' ? this.#beginRelay(message, prefix) : this.#jobs.get(prefix.request)?.relay;
    if (relay === undefined) return false;
    // The socket's buffer may be used again for what comes next.
    const sent = relay.forward(message.slice(), prefix);
    if (relay.waiting > RELAY_WINDOW) {
      this.#socket.pause();
      void sent.finally(() => this.#socket.resume());
    }
    return true;
  }

  #beginRelay(message: Uint8Array<ArrayBuffer>, { request, epoch }: MessagePrefix): Relay | undefined {
    const prepared = this.#epochs.peek(epoch);
    if (prepared === undefined || prepared.own !== undefined || !prepared.plan.continues) return undefined;
    // The next tier is not there this moment: the whole frame is needed here, to be done here.
    if (prepared.standIn !== undefined && this.#nextTier.peek(epoch) === undefined) return undefined;
    try {
      const header = parseHeader(message);
      this.#admit(request);
      checkExpected(header, prepared.expected);
      return this.#openRelay(header, prepared);
    } catch {
      // The assembler finds the same, says so, and passes over the rest of the frame.
      return undefined;
    }
  }

  #openRelay(header: FrameHeader, prepared: PreparedEpoch): Relay {
    const { request, epoch } = header;
    const { end } = this.#epochs.use(epoch);
    const abort = new AbortController();
    const timer = this.#limit(abort, header);
    const endsMs = performance.now() + (header.deadlineMs ?? Number.POSITIVE_INFINITY);
    const relay: Relay = new Relay({
      header,
      link: this.#nextTier.ready(prepared.proposal).then(({ link }) => link),
      hop: hopName(prepared, this.#services.tier),
      onWhole: (timing) => this.#tellTiming(request, timing),
      sendDown: (message) => this.#queue.sendFrame({ request, bytes: message.byteLength, messages: [message] }),
      maxKeptBytes: prepared.standIn === undefined ? 0 : this.#services.limits.maxQueuedBytes,
      onEnd: (error) => {
        clearTimeout(timer);
        end();
        const why = { error: this.#nextTier.explain(error), header, endsMs };
        if (this.#takesOver(relay, why)) return;
        if (error !== undefined) this.#fail(request, why.error);
        this.#finish(request);
      },
    });
    abort.signal.addEventListener('abort', () => {
      relay.cancel();
      if (abort.signal.reason !== CANCELLED) this.#fail(request, abort.signal.reason);
    });
    this.#jobs.set(request, { abort, relay, whole: () => relay.whole });
    return relay;
  }

  /** When the next tier was lost, assembles here what was to pass through; tells whether. */
  #takesOver(relay: Relay, why: { error: unknown; header: FrameHeader; endsMs: number }): boolean {
    const { error, header, endsMs } = why;
    const { request, epoch } = header;
    const messages = relay.kept?.slice(1);
    if (messages === undefined || !isLoss(error) || this.#epochs.peek(epoch)?.standIn === undefined) return false;
    this.#jobs.delete(request);
    this.#takenOver.add(request);
    const deadlineMs = Number.isFinite(endsMs) ? { deadlineMs: Math.max(1, endsMs - performance.now()) } : {};
    for (const message of [encodeHeader({ ...header, ...deadlineMs }), ...messages]) this.#assemble(message);
    return true;
  }

  #cancel(request: number): void {
    this.#assembler.drop(request);
    this.#queue.drop(request);
    this.#jobs.get(request)?.abort.abort(CANCELLED);
  }

  #finish(request: number): void {
    this.#jobs.delete(request);
    this.#repeated.delete(request);
    if (this.inFlight === 0) this.#onIdle();
  }

  #fail(request: number, error: unknown): void {
    if (error === CANCELLED) return;
    const json = this.#services.explain(error, `request ${request}`).toJSON();
    this.#send({ type: 'failed', notice: { request, error: json } });
  }

  #refuse(error: ReturnType<D3Error['toJSON']>): void {
    this.#send({ type: 'refused', notice: { error } });
    this.#refused++;
    if (!this.#greeted || this.#refused > MAX_REFUSED) this.#socket.close(POLICY_VIOLATION, 'messages make no sense');
  }

  #send(control: Control): void {
    // Answers are not queued: a peer that asks on and on and does not read them would fill the memory.
    if (this.#socket.bufferedAmount > this.#services.limits.maxQueuedBytes) this.#socket.terminate();
    else this.#queue.sendText(encodeControl(control));
  }

  #free(): void {
    clearTimeout(this.#helloTimer);
    this.#queue.close();
    this.#assembler.clear();
    for (const job of [...this.#jobs.values()]) job.abort.abort(CANCELLED);
    this.#epochs.clear();
    this.#nextTier.close();
  }
}
