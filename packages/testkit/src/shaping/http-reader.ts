import { ByteQueue } from './byte-queue.ts';

/** The head of an HTTP/1.1 message. */
export interface HttpHead {
  /** `GET /path HTTP/1.1` or `HTTP/1.1 200 OK`. */
  readonly startLine: string;
  /** By lower-case name; the last of several. */
  readonly headers: ReadonlyMap<string, string>;
  /** As it came, without the empty line. */
  readonly text: string;
}

const MAX_HEAD = 1 << 16;
const CHUNK_LINE = 1 << 10;

/** Reads the heads of the requests of one connection and passes over their bodies. */
export class HttpRequestReader {
  readonly #queue = new ByteQueue();
  #body: 'none' | 'length' | 'chunks' = 'none';
  #bodyBytes = 0;

  /**
   * Takes the next bytes.
   *
   * @returns the heads that they complete
   * @throws Error for bytes that are no HTTP/1.1 request
   */
  push(bytes: Uint8Array): HttpHead[] {
    this.#queue.push(bytes);
    const heads: HttpHead[] = [];
    while (this.#skipBody()) {
      const head = takeHead(this.#queue);
      if (head === undefined) break;
      if (!/^[A-Z]+ \S+ HTTP\/1\.[01]$/.test(head.startLine)) {
        throw new Error(`'${head.startLine.slice(0, 80)}' is no HTTP/1.1 request`);
      }
      heads.push(head);
      if (isUpgrade(head)) break;
      this.#expectBody(head);
    }
    return heads;
  }

  /** What came after the last head returned. */
  takeRest(): Uint8Array<ArrayBuffer> {
    return this.#queue.take(this.#queue.length);
  }

  #expectBody(head: HttpHead): void {
    this.#bodyBytes = Number(head.headers.get('content-length') ?? 0);
    if (/chunked/i.test(head.headers.get('transfer-encoding') ?? '')) this.#body = 'chunks';
    else this.#body = this.#bodyBytes > 0 ? 'length' : 'none';
  }

  /** Whether the body is behind us. */
  #skipBody(): boolean {
    if (this.#body === 'chunks') return this.#skipChunks();
    if (this.#body === 'none') return true;
    const skipped = Math.min(this.#bodyBytes, this.#queue.length);
    this.#queue.skip(skipped);
    this.#bodyBytes -= skipped;
    if (this.#bodyBytes === 0) this.#body = 'none';
    return this.#bodyBytes === 0;
  }

  #skipChunks(): boolean {
    for (;;) {
      const skipped = Math.min(this.#bodyBytes, this.#queue.length);
      this.#queue.skip(skipped);
      this.#bodyBytes -= skipped;
      if (this.#bodyBytes > 0) return false;
      const text = new TextDecoder('latin1').decode(this.#queue.peek(CHUNK_LINE));
      const line = /^([0-9a-fA-F]+)[^\r\n]*\r\n/.exec(text);
      if (line === null) return false;
      const size = Number.parseInt(line[1] ?? '0', 16);
      // Size line, data, CRLF; the last chunk's trailer is the CRLF alone.
      this.#queue.skip(line[0].length);
      this.#bodyBytes = size + 2;
      if (size === 0) {
        this.#body = 'length';
        return this.#skipBody();
      }
    }
  }
}

/** Takes one head off a queue, once it is there whole. */
export function takeHead(queue: ByteQueue): HttpHead | undefined {
  const text = new TextDecoder('latin1').decode(queue.peek(MAX_HEAD));
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) {
    if (queue.length >= MAX_HEAD) throw new Error(`No end of an HTTP head within ${MAX_HEAD} bytes`);
    return undefined;
  }
  queue.skip(end + 4);
  const [startLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { startLine, headers: new Map(headers), text: text.slice(0, end) };
}

/** Whether a request asks for a WebSocket. */
export function isUpgrade(head: HttpHead): boolean {
  return head.headers.get('upgrade')?.toLowerCase() === 'websocket';
}
