import type { WebSocket } from 'ws';
import { type LinkServices, LinkSession } from './link-session.ts';
import type { TierStatus } from './status-announcer.ts';

const HEARTBEAT_MS = 30_000;
const GOING_AWAY = 1001;
/** A frame that stops coming for so long will not be whole. */
const STALLED_MS = 60_000;

/** All links from below. A peer that does not answer a heartbeat is taken for gone. */
export class LinkSessions {
  readonly #services: LinkServices;
  readonly #sessions = new Map<WebSocket, LinkSession>();
  readonly #answered = new WeakSet<WebSocket>();
  readonly #heartbeat: NodeJS.Timeout;
  #onIdle: () => void = () => {};

  constructor(services: LinkServices) {
    this.#services = services;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  /** Links open. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Takes over an accepted socket. */
  add(socket: WebSocket): void {
    const session = new LinkSession(socket, this.#services, () => this.#onIdle());
    this.#sessions.set(socket, session);
    this.#answered.add(socket);
    socket.on('pong', () => this.#answered.add(socket));
    socket.on('close', () => {
      this.#sessions.delete(socket);
      this.#onIdle();
    });
  }

  /** Tells every peer how tiers, links and models are now. */
  announce(status: TierStatus): void {
    for (const session of this.#sessions.values()) session.announce(status);
  }

  /** The next tier is gone: every link makes its layers ready here. */
  standIn(): void {
    for (const session of this.#sessions.values()) void session.standIn();
  }

  /**
   * Tells every peer that the server goes away, waits until what is in flight has ended, at most `withinMs`, then until the peers have
   * left, at most `lingerMs`, and closes all with 1001.
   */
  async drain(reason: string, { withinMs, lingerMs }: { withinMs: number; lingerMs: number }): Promise<void> {
    for (const session of this.#sessions.values()) session.drain(reason);
    await this.#settled(withinMs, () => [...this.#sessions.values()].every(({ inFlight }) => inFlight === 0));
    await this.#settled(lingerMs, () => this.#sessions.size === 0);
    clearInterval(this.#heartbeat);
    await Promise.all([...this.#sessions.values()].map((session) => session.close(GOING_AWAY, reason)));
  }

  /** Waits until it holds, at most `withinMs`; looks whenever a request or a link has ended. */
  async #settled(withinMs: number, holds: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#onIdle = () => {
        if (!holds()) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onIdle();
    });
  }

  #beat(): void {
    for (const session of this.#sessions.values()) session.expire(STALLED_MS);
    for (const socket of this.#sessions.keys()) {
      if (!this.#answered.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }
}
