import type { LinkDirection } from '@d3/profile';
import { ArrivalLog, type FrameTiming } from '../arrival-log.ts';
import type { PingBody, PingReply } from '../control.ts';
import type { LinkClient } from './link-client.ts';

/** A probe to be made. */
export interface ProbePlan {
  readonly direction: LinkDirection;
  readonly bytes: number;
  /** Bytes under way: at first, and at most. */
  readonly window: { readonly first: number; readonly most: number };
  /** Whether to send no more of it. Asked before every message. */
  readonly stop: () => boolean;
}

/** What became of a probe. */
export interface ProbeOutcome {
  /** Bytes sent or asked for. */
  readonly bytes: number;
  /** Whether all of it went. */
  readonly whole: boolean;
  /** When its messages came; absent if the probe's start did not. */
  readonly timing?: FrameTiming;
  /** Of its first message, which is small. */
  readonly roundTripMs?: number;
}

/** Messages of a probe: small, so that what comes behind one waits little. */
const MESSAGES = 24;
const LEAST_MESSAGE_BYTES = 512;
const MOST_MESSAGE_BYTES = 1 << 14;
/** JSON and WebSocket around a padding. */
const AROUND_BYTES = { up: 84, down: 108 } as const;
const ANSWER_WITHIN_MS = 10_000;

/** Length of a probe's messages. */
export function probeMessageBytes(bytes: number): number {
  return Math.min(MOST_MESSAGE_BYTES, Math.max(LEAST_MESSAGE_BYTES, Math.ceil(bytes / MESSAGES)));
}

/**
 * One probe: a train of pings behind a small one, padded on their way up or down, with a window of its own so that no more of it waits
 * in the network than it takes to keep the link busy. The window grows by what was answered, as TCP's does.
 */
export class ProbeTrain {
  readonly #client: LinkClient;
  readonly #plan: ProbePlan;
  readonly #messageBytes: number;
  #window: number;
  #sent = 0;
  #underWay = 0;
  #mostUnderWay = 0;
  #stopped = false;
  #log: ArrivalLog | undefined;
  #roundTripMs: number | undefined;
  #end: () => void = () => undefined;

  constructor(client: LinkClient, plan: ProbePlan) {
    this.#client = client;
    this.#plan = plan;
    this.#window = plan.window.first;
    this.#messageBytes = probeMessageBytes(plan.bytes);
  }

  /** Makes the probe. Never rejects: a link that closes, or a peer that refuses, ends it early. */
  async run(): Promise<ProbeOutcome> {
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    this.#send(0);
    // In a packet of its own: what came in the same one as its start could not be timed.
    setTimeout(() => this.#pump(), 0);
    await ended;
    this.#client.noteBurst(this.#plan.direction, this.#sent, this.#mostUnderWay);
    return {
      bytes: this.#sent,
      whole: !this.#stopped,
      ...(this.#log !== undefined && { timing: this.#log.timing() }),
      ...(this.#roundTripMs !== undefined && { roundTripMs: this.#roundTripMs }),
    };
  }

  #pump(): void {
    const { bytes, stop } = this.#plan;
    // A message alone may be larger than the window of a connection that has been idle.
    const room = () => this.#underWay === 0 || this.#underWay + this.#messageBytes <= this.#window;
    while (!this.#stopped && this.#sent < bytes && room()) {
      this.#stopped = stop();
      if (!this.#stopped) this.#send(Math.min(this.#messageBytes, bytes - this.#sent));
    }
    if (this.#underWay === 0 && (this.#stopped || this.#sent >= bytes)) this.#end();
  }

  #send(bytes: number): void {
    // The first message counts as well: the probe has not ended before it was answered.
    const counted = Math.max(1, bytes);
    const sentMs = performance.now();
    this.#sent += bytes;
    this.#underWay += counted;
    this.#mostUnderWay = Math.max(this.#mostUnderWay, this.#underWay);
    this.#client
      .ask('ping', this.#body(bytes, sentMs), { timeoutMs: ANSWER_WITHIN_MS })
      .then((reply) => this.#answered(bytes, sentMs, reply))
      .catch(() => {
        this.#stopped = true;
      })
      .finally(() => {
        this.#underWay -= counted;
        this.#window = Math.min(this.#plan.window.most, this.#window + bytes);
        this.#pump();
      });
  }

  #body(bytes: number, sentMs: number): PingBody {
    if (bytes === 0) return { sentMs };
    return this.#plan.direction === 'up' ? { sentMs, padding: '.'.repeat(bytes) } : { sentMs, answerBytes: bytes };
  }

  #answered(bytes: number, sentMs: number, reply: PingReply): void {
    const nowMs = performance.now();
    const arrivedMs = this.#plan.direction === 'up' ? reply.receivedMs : nowMs;
    if (bytes === 0) {
      this.#roundTripMs = nowMs - sentMs;
      this.#log = new ArrivalLog(arrivedMs);
    } else if (!this.#stopped) this.#log?.add(bytes + AROUND_BYTES[this.#plan.direction], arrivedMs);
  }
}
