import { BufferPool, encodeFrame, FrameAssembler, type TensorCodec } from '@d3/protocol';
import { makeTensor, type TensorMap } from '@d3/tensor';
import { median } from './median.ts';

/** Time to code and decode frames of one kind. */
export interface FrameRow {
  readonly kind: 'frame';
  readonly codec: TensorCodec;
  readonly bytes: number;
  /** Median of encode + decode. */
  readonly ms: number;
  readonly msPerMb: number;
  /** The floor beside it: copying the same bytes into messages and out again, and nothing else. */
  readonly floorMsPerMb: number;
}

const SIZES = [256 * 1024, 1 << 20, 4 << 20];
/** Bytes that pass before counting: the compiler has made its last version of the code by then. */
const WARM_BYTES = 2e9;
const ROUNDS = 300;
const MESSAGE_BYTES = 1 << 16;

/** Encode and decode of one float32 tensor, messages and tensors in reused buffers, as a link does it. */
export function measureFrames(): FrameRow[] {
  const codecs: readonly TensorCodec[] = ['raw', 'zeros'];
  return codecs.flatMap((codec) => SIZES.map((bytes) => measureFrame(codec, bytes)));
}

function measureFrame(codec: TensorCodec, bytes: number): FrameRow {
  const values = new Float32Array(bytes / 4);
  // Half zeros, in runs as after a ReLU.
  for (let index = 0; index < values.length; index++) values[index] = (index >> 3) % 2 === 0 ? index * 0.25 + 1 : 0;
  const tensors = { activation: makeTensor('activation', 'float32', [values.length], values) };
  const pool = new BufferPool();
  const maxBytes = 64 << 20;
  const assembler = new FrameAssembler({
    limits: { maxTensorBytes: maxBytes, maxFrameBytes: maxBytes, maxInFlight: 4 },
    pool,
  });
  const times: number[] = [];
  const floors: number[] = [];
  const copy = copier(tensors.activation.bytes);
  const warmRounds = Math.ceil(WARM_BYTES / bytes);
  for (let round = 0; round < warmRounds + ROUNDS; round++) {
    const startedMs = performance.now();
    const received = roundTrip(round, { tensors, codec, pool, assembler });
    const receivedMs = performance.now();
    copy();
    const copiedMs = performance.now();
    for (const tensor of Object.values(received)) pool.give(tensor.bytes);
    if (round < warmRounds) continue;
    times.push(receivedMs - startedMs);
    floors.push(copiedMs - receivedMs);
  }
  const ms = median(times);
  return { kind: 'frame', codec, bytes, ms, msPerMb: ms / (bytes / 1e6), floorMsPerMb: median(floors) / (bytes / 1e6) };
}

/** Copies `source` into messages, and from them to where a tensor would be, over and over into the same memory. */
function copier(source: Uint8Array): () => void {
  const messages = Array.from(
    { length: Math.ceil(source.byteLength / MESSAGE_BYTES) },
    () => new Uint8Array(MESSAGE_BYTES),
  );
  const target = new Uint8Array(source.byteLength);
  return () => {
    messages.forEach((message, index) => {
      const part = source.subarray(index * MESSAGE_BYTES, (index + 1) * MESSAGE_BYTES);
      message.set(part);
      target.set(message.subarray(0, part.byteLength), index * MESSAGE_BYTES);
    });
  };
}

function roundTrip(
  request: number,
  link: { tensors: TensorMap; codec: TensorCodec; pool: BufferPool; assembler: FrameAssembler },
): TensorMap {
  const { tensors, codec, pool, assembler } = link;
  for (const message of encodeFrame({ kind: 'request', request, epoch: 1 }, tensors, {
    codecs: { activation: codec },
    pool,
  })) {
    const event = assembler.push(message);
    pool.give(message);
    if (event !== undefined && 'rejected' in event) throw event.rejected.error;
    if (event !== undefined) return event.frame.tensors;
  }
  throw new Error(`Frame ${request} did not arrive whole`);
}
