import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '@d3/onnx';
import { FrameAssembler, type FrameHeader } from '@d3/protocol';
import { normalise, parseSidecar, pixelsOf } from '@d3/runtime';
import { decodePicture } from '@d3/runtime/node';
import { type Server, serve } from '@d3/server';
import type { TensorMap } from '@d3/tensor';
import { type ShapingProxy, startShapingProxy, type TapEvent } from '@d3/testkit';
import { type ModelFiles, packInto, runWhole } from '../harness/index.ts';

/** Edge and cloud of one model, the edge behind a tap. */
export interface Fabric {
  readonly manifest: Manifest;
  /** Address of the edge's link, through the tap. */
  readonly link: string;
  /** What crossed the tap upwards since {@link clear}. */
  readonly paths: readonly string[];
  readonly texts: readonly string[];
  readonly frames: readonly FrameHeader[];
  clear(): void;
  /** The whole network in one piece, natively, on a picture file. */
  runWhole(picture: string): Promise<readonly number[]>;
  close(): Promise<void>;
}

const LIMITS = { maxTensorBytes: 1 << 28, maxFrameBytes: 1 << 28, maxInFlight: 64 };

/** Packs a model into the cloud's folder and starts cloud, edge and tap. */
export async function startFabric(files: ModelFiles): Promise<Fabric> {
  const root = await mkdtemp(join(tmpdir(), 'd3-fabric-'));
  const read = async (name: string) => new Uint8Array(await readFile(join(files.folder, name)));
  const packed = await packInto(join(root, 'models'), files);
  await mkdir(join(root, 'none'));
  const cloud = await serve({ tier: 'cloud', models: join(root, 'models'), cache: join(root, 'cloud'), workers: 1 });
  const upstream = cloud.url;
  const edge = await serve({
    tier: 'edge',
    models: join(root, 'none'),
    cache: join(root, 'edge'),
    workers: 1,
    upstream,
  });
  const seen = new Seen();
  const proxy = await startShapingProxy({ target: edge.url, tap: (event) => seen.take(event) });
  return {
    manifest: packed.manifest,
    link: `${proxy.wsUrl}/d3/link`,
    paths: seen.paths,
    texts: seen.texts,
    frames: seen.frames,
    clear: () => seen.clear(),
    runWhole: async (picture) => {
      const sidecar = await parseSidecar(
        JSON.parse(new TextDecoder().decode(await read(files.sidecar))),
        packed.manifest,
        async (name) => new TextDecoder().decode(await read(name)),
      );
      const [input] = sidecar.inputs;
      if (input === undefined) throw new Error('The sidecar names no input');
      const tensor = normalise(pixelsOf(decodePicture(await read(picture)), input), input);
      return floatsOf((await runWhole(packed, [{ [input.name]: tensor }]))[0]);
    },
    close: () => closeAll({ proxy, servers: [edge, cloud], root }),
  };
}

function floatsOf(outputs: TensorMap | undefined): readonly number[] {
  const [output] = Object.values(outputs ?? {});
  if (output === undefined) throw new Error('The network gave no output');
  return [...new Float32Array(output.bytes.buffer, output.bytes.byteOffset, output.bytes.byteLength / 4)];
}

async function closeAll(parts: { proxy: ShapingProxy; servers: Server[]; root: string }): Promise<void> {
  await parts.proxy.close();
  for (const server of parts.servers) await server.close();
  await rm(parts.root, { recursive: true, force: true });
}

/** Sorts what the device sent: paths asked for, control texts, frames. Anything else is an error. */
class Seen {
  readonly paths: string[] = [];
  readonly texts: string[] = [];
  readonly frames: FrameHeader[] = [];
  readonly #links = new Map<number, FrameAssembler>();

  take(event: TapEvent): void {
    if (event.direction !== 'up') return;
    if (event.kind === 'http') this.paths.push(event.path);
    else if (event.kind === 'unparsed') throw new Error(`The tap met ${event.problem}`);
    else if (event.kind === 'message' && typeof event.data === 'string') this.texts.push(event.data);
    else if (event.kind === 'message') this.#takeBinary(event.connection, event.data as Uint8Array<ArrayBuffer>);
  }

  clear(): void {
    this.paths.length = 0;
    this.texts.length = 0;
    this.frames.length = 0;
  }

  #takeBinary(link: number, message: Uint8Array<ArrayBuffer>): void {
    const assembler = this.#links.get(link) ?? new FrameAssembler({ limits: LIMITS });
    this.#links.set(link, assembler);
    const event = assembler.push(message);
    if (event !== undefined && 'frame' in event) this.frames.push(event.frame.header);
    else if (event !== undefined) throw event.rejected.error;
  }
}
