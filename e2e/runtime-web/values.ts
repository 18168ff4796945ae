import { isD3Error } from '@d3/errors';
import type { ElementType, Tensor, TensorMap } from '@d3/tensor';

/** How a call ended: its value, or its error's code and text. */
export type Ended<T> = { readonly value: T } | { readonly code: string; readonly message: string };

/** Settles with how `work` ends. */
export async function ended<T>(work: () => Promise<T>): Promise<Ended<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    const { name, message } = error as Error;
    return { code: isD3Error(error) ? error.code : name, message };
  }
}

/** The value, which a bug in the test would leave out. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('A value that this test relies on is absent');
  return value;
}

/** All tensors' bytes, by name. */
export function hexOf(tensors: TensorMap): string {
  return Object.entries(tensors)
    .map(([name, { bytes }]) => `${name}:${hex(bytes)}`)
    .join(' ');
}

/** SHA-256 over all tensors' bytes. */
export async function digestOf(tensors: TensorMap): Promise<string> {
  const all = new Blob(Object.values(tensors).map(({ bytes }) => bytes));
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', await all.arrayBuffer())));
}

/** Bytes as hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const SAMPLES: Readonly<Record<ElementType, ArrayBufferView<ArrayBuffer>>> = {
  float32: Float32Array.of(0, -0, 1.5, -3e38, 1e-40, Number.POSITIVE_INFINITY),
  float16: Uint16Array.of(0, 0x3c00, 0xbc00, 0x7bff, 1, 0x7c00),
  int8: Int8Array.of(0, 1, -1, 127, -128, 5),
  uint8: Uint8Array.of(0, 1, 2, 254, 255, 5),
  int32: Int32Array.of(0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 5),
  int64: BigInt64Array.of(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 5n),
  bool: Uint8Array.of(0, 1, 1, 0, 1, 0),
};

/** Every element type. */
export const ALL_TYPES: readonly ElementType[] = Object.keys(SAMPLES) as ElementType[];

/** A 2×3 tensor with the extremes of its type, as a view into a larger buffer. */
export function sampleOf(type: ElementType): Tensor {
  const { buffer, byteOffset, byteLength } = SAMPLES[type];
  const larger = new Uint8Array(byteLength + 16);
  larger.set(new Uint8Array(buffer, byteOffset, byteLength), 8);
  return { type, shape: [2, 3], bytes: larger.subarray(8, 8 + byteLength) };
}

/** How late a timer of this thread was, and how long the work took beside it. */
export interface Gap {
  readonly gapMs: number;
  readonly busyMs: number;
}

const ATTEMPTS = 3;
const SHORT_MS = 50;

/**
 * How late a 5 ms timer of this thread was, at most, while `work` went on. A blocked thread is late by a whole run, every time;
 * one that is merely short of a core, because other work has them all, now and then: the best of three attempts counts.
 */
export async function longestGap(work: () => Promise<void>): Promise<Gap> {
  let best = await gapDuring(work);
  for (let attempt = 1; attempt < ATTEMPTS && best.gapMs > SHORT_MS; attempt++) {
    const again = await gapDuring(work);
    if (again.gapMs < best.gapMs) best = again;
  }
  return best;
}

async function gapDuring(work: () => Promise<void>): Promise<Gap> {
  const startedMs = performance.now();
  let lastMs = startedMs;
  let gapMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    gapMs = Math.max(gapMs, nowMs - lastMs - 5);
    lastMs = nowMs;
  }, 5);
  await work();
  clearInterval(timer);
  const endedMs = performance.now();
  return { gapMs: Math.max(gapMs, endedMs - lastMs - 5), busyMs: endedMs - startedMs };
}
