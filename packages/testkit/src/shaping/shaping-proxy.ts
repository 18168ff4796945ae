import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Random } from '../graphs/random.ts';
import { ConnectionTap } from './connection-tap.ts';
import type { LinkShape } from './link-shape.ts';
import { ShapedDirection } from './shaped-direction.ts';
import { ShapedFlow } from './shaped-flow.ts';
import type { Direction, Tap } from './tap.ts';

/** What a proxy stands before, and how its link behaves. */
export interface ShapingProxyOptions {
  /** Where to connect on: a URL (of which host and port count), or both. Plain TCP: it does not understand TLS. */
  readonly target: string | { readonly host: string; readonly port: number };
  readonly up?: LinkShape;
  readonly down?: LinkShape;
  /** Of the jitter. 1 by default. */
  readonly seed?: number;
  /** Port to listen on at 127.0.0.1; a free one by default. */
  readonly port?: number;
  /** Sees what the two sides send. */
  readonly tap?: Tap;
}

/** How a link is lost: `reset`: both sides are told at once. `silence`: nothing crosses and nobody is told. */
export type CutKind = 'reset' | 'silence';

const TICK_MS = 0.25;

/**
 * Starts a TCP proxy on loopback that behaves like a slow link. All connections share it, each direction by itself; a new
 * connection's first bytes wait for one round trip, as behind a handshake. Timing follows the model within about a millisecond.
 *
 * @throws RangeError for a shape that cannot be
 */
export async function startShapingProxy(options: ShapingProxyOptions): Promise<ShapingProxy> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const proxy = new ShapingProxy(server, options);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return proxy;
}

/** A running proxy; see {@link startShapingProxy}. */
export class ShapingProxy {
  /** Bytes that have crossed. */
  readonly bytes: { up: number; down: number } = { up: 0, down: 0 };
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #directions: { readonly [D in Direction]: ShapedDirection };
  readonly #tap: Tap | undefined;
  readonly #sockets = new Set<Socket>();
  #accepted = 0;
  #cut: CutKind | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerMs = Number.POSITIVE_INFINITY;

  /** @internal */
  constructor(server: Server, options: ShapingProxyOptions) {
    const seed = options.seed ?? 1;
    this.#server = server;
    this.#target = targetOf(options.target);
    this.#tap = options.tap;
    this.#directions = {
      up: new ShapedDirection(options.up ?? {}, new Random(seed)),
      down: new ShapedDirection(options.down ?? {}, new Random(seed + 1)),
    };
    this.#updateRoundTrip();
    server.on('connection', (socket) => this.#accept(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `http://127.0.0.1:PORT` */
  get httpUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** `ws://127.0.0.1:PORT` */
  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Connections accepted so far. */
  get connections(): number {
    return this.#accepted;
  }

  /** Changes the link from now on; fields not given stay. */
  update(shapes: { readonly up?: LinkShape; readonly down?: LinkShape }): void {
    const nowMs = performance.now();
    if (shapes.up !== undefined) this.#directions.up.reshape(shapes.up, nowMs);
    if (shapes.down !== undefined) this.#directions.down.reshape(shapes.down, nowMs);
    this.#updateRoundTrip();
    this.#pump();
  }

  /**
   * Loses the link. After `reset` connections are gone and new ones are reset until {@link restore}; after `silence` they hang, and
   * go on when it is restored.
   */
  cut(kind: CutKind = 'reset'): void {
    this.#cut = kind;
    if (kind === 'reset') for (const socket of this.#sockets) socket.resetAndDestroy();
    else for (const direction of Object.values(this.#directions)) direction.freeze(performance.now());
  }

  /** Brings a lost link back. */
  restore(): void {
    this.#cut = undefined;
    for (const direction of Object.values(this.#directions)) direction.thaw(performance.now());
    this.#pump();
  }

  /** Ends all connections and stops listening. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timerMs = Number.NEGATIVE_INFINITY;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    if (this.#cut === 'reset') {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const id = ++this.#accepted;
    const target = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const tap = this.#tap === undefined ? undefined : new ConnectionTap(this.#tap, id);
    const openMs = performance.now() + this.#directions.up.roundTripMs;
    const flows = [
      this.#join('up', { source: client, sink: target, tap, openMs }),
      this.#join('down', { source: target, sink: client, tap, openMs }),
    ] as const;
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.resetAndDestroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (this.#sockets.has(other)) return;
        this.#directions.up.remove(flows[0]);
        this.#directions.down.remove(flows[1]);
      });
    }
  }

  #join(
    direction: Direction,
    ends: { source: Socket; sink: Socket; tap: ConnectionTap | undefined; openMs: number },
  ): ShapedFlow {
    const { source, sink, tap, openMs } = ends;
    const shaped = this.#directions[direction];
    const flow = new ShapedFlow(
      {
        deliver: (bytes) => {
          this.bytes[direction] += bytes.byteLength;
          sink.write(bytes);
        },
        finish: () => sink.end(),
        get blocked() {
          return sink.writableLength > shaped.shape.bufferBytes;
        },
        hold: (full) => (full ? source.pause() : source.resume()),
      },
      openMs,
    );
    shaped.add(flow);
    source.on('data', (bytes: Buffer) => {
      tap?.push(direction, bytes);
      shaped.push(flow, bytes, performance.now());
      this.#pump();
    });
    source.on('end', () => {
      flow.end(performance.now());
      this.#pump();
    });
    sink.on('drain', () => {
      flow.notBeforeMs = Math.max(flow.notBeforeMs, performance.now());
      this.#pump();
    });
    return flow;
  }

  #updateRoundTrip(): void {
    const { up, down } = this.#directions;
    up.roundTripMs = up.shape.delayMs + down.shape.delayMs;
    down.roundTripMs = up.roundTripMs;
  }

  /** Does what is due and sets the timer for what is due next. */
  #pump(): void {
    if (this.#timerMs === Number.NEGATIVE_INFINITY) return;
    const nowMs = performance.now();
    const { up, down } = this.#directions;
    const nextMs = Math.min(up.advance(nowMs + TICK_MS), down.advance(nowMs + TICK_MS));
    if (nextMs >= this.#timerMs && this.#timerMs > nowMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = nextMs;
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Number.POSITIVE_INFINITY;
        this.#pump();
      },
      Math.min(1000, Math.max(1, nextMs - nowMs)),
    );
  }
}

function targetOf(target: ShapingProxyOptions['target']): { readonly host: string; readonly port: number } {
  if (typeof target !== 'string') return target;
  const { hostname, port } = new URL(target);
  if (port === '') throw new RangeError(`Target '${target}' names no port`);
  return { host: hostname, port: Number(port) };
}
