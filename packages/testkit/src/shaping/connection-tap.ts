import { ByteQueue } from './byte-queue.ts';
import { HttpRequestReader, isUpgrade, takeHead } from './http-reader.ts';
import type { Direction, Tap, TapEvent } from './tap.ts';
import { WebSocketReader } from './websocket-reader.ts';

type Fields<Event> = Event extends TapEvent ? Omit<Event, 'direction' | 'connection' | 'atMs'> : never;

/** Understands both directions of one connection: HTTP/1.1 requests, and a WebSocket after an upgrade. */
export class ConnectionTap {
  readonly #tap: Tap;
  readonly #connection: number;
  readonly #requests = new HttpRequestReader();
  readonly #answer = new ByteQueue();
  readonly #sockets: { readonly [D in Direction]: WebSocketReader } = {
    up: new WebSocketReader(),
    down: new WebSocketReader(),
  };
  /** `http`: requests up, nothing read down. `upgrading`: frames up, the answer's head down. */
  #state: 'http' | 'upgrading' | 'websocket' = 'http';
  readonly #deaf = new Set<Direction>();

  constructor(tap: Tap, connection: number) {
    this.#tap = tap;
    this.#connection = connection;
  }

  /** Takes bytes as the proxy reads them. */
  push(direction: Direction, bytes: Uint8Array): void {
    if (this.#deaf.has(direction)) return;
    try {
      if (direction === 'up') this.#pushUp(bytes);
      else this.#pushDown(bytes);
    } catch (error) {
      this.#deaf.add(direction);
      this.#emit(direction, { kind: 'unparsed', problem: error instanceof Error ? error.message : String(error) });
    }
  }

  #pushUp(bytes: Uint8Array): void {
    if (this.#state !== 'http') {
      this.#pushFrames('up', bytes);
      return;
    }
    for (const head of this.#requests.push(bytes)) {
      const [method = '', path = ''] = head.startLine.split(' ');
      const upgrade = isUpgrade(head);
      this.#emit('up', { kind: 'http', method, path, upgrade, head: head.text });
      if (!upgrade) continue;
      this.#state = 'upgrading';
      this.#pushFrames('up', this.#requests.takeRest());
    }
  }

  #pushDown(bytes: Uint8Array): void {
    if (this.#state === 'http') return;
    this.#answer.push(bytes);
    if (this.#state === 'upgrading' && !this.#readAnswer()) return;
    this.#pushFrames('down', this.#answer.take(this.#answer.length));
  }

  /** Whether the upgrade has been granted. */
  #readAnswer(): boolean {
    const head = takeHead(this.#answer);
    if (head === undefined) return false;
    const granted = /^HTTP\/1\.1 101 /.test(head.startLine);
    // If not, what follows is a body that nobody asked to see.
    if (granted) this.#state = 'websocket';
    else this.#deaf.add('down');
    return granted;
  }

  #pushFrames(direction: Direction, bytes: Uint8Array): void {
    for (const item of this.#sockets[direction].push(bytes)) this.#emit(direction, item);
  }

  #emit(direction: Direction, fields: Fields<TapEvent>): void {
    this.#tap({ ...fields, direction, connection: this.#connection, atMs: performance.now() } as TapEvent);
  }
}
