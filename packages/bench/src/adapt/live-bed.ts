import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectOptions, connect, type InferInput, type Session } from '@d3/client';
import { type PackedModel, packModel } from '@d3/onnx';
import { readPrefix } from '@d3/protocol';
import { inferShapes } from '@d3/runtime/node';
import { type Server, serve } from '@d3/server';
import { type LinkShape, type ShapingProxy, startShapingProxy, type Tap, type TapEvent } from '@d3/testkit';
import { writePacked } from '../bed/write-packed.ts';

const MODEL = 'sketch-resnet';
const SKETCH = new URL('../../../zoo/sketch-resnet/', import.meta.url);
/** 1 Mbit/s is 125 bytes per ms. */
const BYTES_PER_MS_AND_MBPS = 125;

/** Frames whose headers crossed. */
export interface FrameCounts {
  requests: number;
  /** Results of a request that had been answered before. */
  duplicates: number;
  /** Connection and id of every request that was answered. */
  readonly answered: Set<string>;
}

/** An edge on loopback, and a shaped link before it. */
export interface LiveBed {
  readonly packed: PackedModel;
  readonly proxy: ShapingProxy;
  /** Frames that crossed the link so far. */
  readonly frames: FrameCounts;
  /** Sets the link both ways, from now on. */
  shape(mbps: number, delayMs?: number): void;
  /** Connects through the link. The device has the model's weights, as one that was here before. */
  open(options: Partial<ConnectOptions>): Promise<Session>;
  /** An input; another for every seed. */
  input(seed: number): InferInput;
  close(): Promise<void>;
}

/** Starts an edge with the sketch classifier, and the proxy. The caller closes it. */
export async function openLiveBed(): Promise<LiveBed> {
  const root = await mkdtemp(join(tmpdir(), 'd3-adapt-'));
  const packed = await packSketch(join(root, 'models', MODEL));
  const edge = await serve({ tier: 'edge', models: join(root, 'models'), cache: join(root, 'edge'), workers: 1 });
  const frames: FrameCounts = { requests: 0, duplicates: 0, answered: new Set() };
  const slowStart = { slowStart: true };
  const tap: Tap = (event) => countFrame(frames, event);
  const proxy = await startShapingProxy({ target: edge.url, up: slowStart, down: slowStart, tap });
  const cache = join(root, 'device');
  const [last] = packed.manifest.layers.slice(-1);
  const constraints = { pin: { [last?.name ?? '']: 'device' } };
  const before = await connect({ model: MODEL, edge: edge.link, cache, constraints, ready: 'planned' });
  await before.close();
  const sessions = new Set<Session>();
  return {
    packed,
    proxy,
    frames,
    shape: (mbps, delayMs = 10) => {
      const shape: LinkShape = { bytesPerMs: mbps * BYTES_PER_MS_AND_MBPS, delayMs };
      proxy.update({ up: shape, down: shape });
    },
    open: async (options) => {
      const link = edge.link.replace(new URL(edge.link).host, `127.0.0.1:${proxy.port}`);
      const session = await connect({ model: MODEL, edge: link, cache, ...options });
      sessions.add(session);
      return session;
    },
    input: drawing,
    close: () => closeAll({ root, sessions, proxy, edge }),
  };
}

function countFrame(frames: FrameCounts, event: TapEvent): void {
  if (event.kind !== 'message' || typeof event.data === 'string') return;
  const { part, kind, request } = readPrefix(event.data);
  if (part !== 'header') return;
  const id = `${event.connection} ${request}`;
  if (kind === 'request') frames.requests += 1;
  else if (frames.answered.has(id)) frames.duplicates += 1;
  else frames.answered.add(id);
}

async function closeAll(parts: {
  readonly root: string;
  readonly sessions: ReadonlySet<Session>;
  readonly proxy: ShapingProxy;
  readonly edge: Server;
}): Promise<void> {
  for (const session of parts.sessions) await session.close();
  await parts.proxy.close();
  await parts.edge.close();
  await rm(parts.root, { recursive: true, force: true });
}

/** A drawing crosses as pixels: 16 kB. */
function drawing(seed: number): InferInput {
  const points = Array.from({ length: 24 }, (_, index): readonly [number, number] => {
    const angle = (index * (seed + 2)) / 4;
    return [0.5 + 0.4 * Math.cos(angle), 0.5 + 0.3 * Math.sin(angle * (1 + seed / 8))];
  });
  return { kind: 'strokes', strokes: { strokes: [points] } };
}

async function packSketch(folder: string): Promise<PackedModel> {
  const source = new Uint8Array(await readFile(new URL('sketch-resnet.onnx', SKETCH)));
  const packed = await packModel(source, { name: MODEL, infer: inferShapes });
  await writePacked(packed, folder);
  await cp(new URL('sketch-resnet.d3.json', SKETCH), join(folder, 'model.d3.json'));
  await cp(new URL('labels.json', SKETCH), join(folder, 'labels.json'));
  return packed;
}
