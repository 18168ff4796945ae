import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  type Control,
  encodeControl,
  encodeFrame,
  FrameAssembler,
  type LinkSocket,
  PingAnswerer,
  parseControl,
  SendQueue,
  timedNotice,
} from '@d3/protocol';
import { makeTensor } from '@d3/tensor';
import { WebSocketServer } from 'ws';

const LIMITS = { maxTensorBytes: 1 << 26, maxFrameBytes: 1 << 26, maxInFlight: 64 };

/** The farther end of a link that computes nothing: it answers each request with as many bytes as the request's epoch says. */
export class LinkPeer {
  readonly #server: WebSocketServer;

  private constructor(server: WebSocketServer, onWhole: (atMs: number) => void) {
    this.#server = server;
    server.on('connection', (socket) => answerLink(socket as unknown as LinkSocket, onWhole));
  }

  /** Listens on a free port of loopback. @param onWhole - called when all of a request is there; its result is sent right then */
  static async start(onWhole: (atMs: number) => void = () => undefined): Promise<LinkPeer> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
    const peer = new LinkPeer(server, onWhole);
    await once(server, 'listening');
    return peer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends every link. */
  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/**
 * Answers one link as the farther tier: each request with as many bytes as its epoch says, pings as a server does.
 *
 * @param onWhole - called when all of a request is there; its result is sent right then
 */
export function answerLink(socket: LinkSocket, onWhole: (atMs: number) => void): void {
  const pings = new PingAnswerer();
  const assembler = new FrameAssembler({ limits: LIMITS });
  const queue = new SendQueue(socket, 'the near side');
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('error', () => undefined);
  socket.addEventListener('close', () => queue.close());
  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') answerPing(queue, pings, parseControl(data));
    if (!(data instanceof ArrayBuffer)) return;
    const event = assembler.push(new Uint8Array(data));
    if (event === undefined || !('frame' in event)) return;
    const { header, timing } = event.frame;
    onWhole(performance.now());
    const notice = timedNotice(header.request, timing);
    if (notice !== undefined) queue.sendText(encodeControl(notice));
    const { request, epoch } = header;
    const result = encodeFrame({ kind: 'result', request, epoch }, { y: noise('y', epoch) });
    queue.sendFrame({ request, bytes: result.payloadBytes, messages: result }).catch(() => undefined);
  });
}

function answerPing(queue: SendQueue, pings: PingAnswerer, control: Control): void {
  if (control.type !== 'ping' || !('body' in control)) return;
  const { id, body } = control;
  queue.sendText(encodeControl({ type: 'ping', id, reply: pings.answer(body) }));
}

/** A tensor of bytes without zeros, so that no codec makes it smaller. */
export function noise(name: string, bytes: number): ReturnType<typeof makeTensor> {
  return makeTensor(name, 'uint8', [bytes], new Uint8Array(bytes).fill(7));
}
