import { byteLength, type ElementType, elementBytes, elementCount } from '@d3/tensor';
import { protocolError } from './errors.ts';
import type { FrameHeader, WireTensor } from './frame.ts';
import type { FrameLimits } from './frame-limits.ts';
import { bitmapBytes } from './zeros.ts';

/** A tensor that a plan says will come. */
export interface ExpectedTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** The tensor is a network input that may come as a picture instead: H×W×C bytes of this shape, codec `pixels`. */
  readonly pixelShape?: readonly number[];
}

/**
 * Checks a frame's tensor table against the tensors of a plan: each of them once, in any order, and no other. For the `expect`
 * of a {@link FrameAssembler}.
 *
 * @throws D3Error `PROTOCOL_TENSOR_MISMATCH`
 */
export function checkExpected(header: FrameHeader, expected: readonly ExpectedTensor[]): void {
  const { kind, request } = header;
  const byName = new Map(header.tensors.map((tensor) => [tensor.name, tensor]));
  const fail = (tensor: string, actual: string, wanted: string): Error =>
    protocolError('PROTOCOL_TENSOR_MISMATCH', { kind, request, tensor, actual, expected: wanted });
  for (const want of expected) {
    const got = byName.get(want.name);
    const wanted = describe(want.type, want.shape);
    if (got === undefined) throw fail(want.name, 'absent', wanted);
    const asPixels = got.codec === 'pixels' && want.pixelShape !== undefined;
    const [type, shape] = asPixels ? (['uint8', want.pixelShape] as const) : [want.type, want.shape];
    const fits = (asPixels || got.codec !== 'pixels') && describe(got.type, got.shape) === describe(type, shape);
    if (!fits) throw fail(want.name, `${describe(got.type, got.shape)} (${got.codec})`, wanted);
    byName.delete(want.name);
  }
  for (const surplus of byName.values()) throw fail(surplus.name, describe(surplus.type, surplus.shape), 'no tensor');
}

/**
 * Checks a frame's tensor table against limits, before anything is allocated for it: names, and for each tensor that its coded
 * size can belong to its type and shape.
 *
 * @throws D3Error `PROTOCOL_LIMIT_EXCEEDED`, `PROTOCOL_HEADER_MALFORMED`
 */
export function checkTable(header: FrameHeader, limits: Required<FrameLimits>): void {
  checkLimit('Number of tensors of a frame', header.tensors.length, { limit: 'maxTensors', max: limits.maxTensors });
  const names = new Set<string>();
  let frameBytes = 0;
  header.tensors.forEach((tensor, index) => {
    const bytes = byteLength(tensor.type, tensor.shape);
    const what = `Size in bytes of tensor '${tensor.name}' of ${header.kind} ${header.request}`;
    checkLimit(what, bytes, { limit: 'maxTensorBytes', max: limits.maxTensorBytes });
    frameBytes += bytes;
    const problem = names.has(tensor.name) ? 'its name is taken by another tensor' : codingProblem(tensor, bytes);
    names.add(tensor.name);
    if (problem === undefined) return;
    const { kind, request } = header;
    throw protocolError('PROTOCOL_HEADER_MALFORMED', { kind, request, place: `/tensors/${index}`, problem });
  });
  const what = `Size in bytes of all tensors of ${header.kind} ${header.request}`;
  checkLimit(what, frameBytes, { limit: 'maxFrameBytes', max: limits.maxFrameBytes });
}

/** @throws D3Error `PROTOCOL_LIMIT_EXCEEDED` */
export function checkLimit(
  what: string,
  actual: number,
  bound: { readonly limit: string; readonly max: number },
): void {
  if (!(actual <= bound.max)) throw protocolError('PROTOCOL_LIMIT_EXCEEDED', { what, actual, ...bound });
}

function codingProblem(tensor: WireTensor, bytes: number): string | undefined {
  const { codec, codedBytes, type } = tensor;
  if (codec === 'zeros') {
    const values = codedBytes - bitmapBytes(elementCount(tensor.shape));
    const possible = values >= 0 && codedBytes < bytes && values % elementBytes(type) === 0;
    return possible ? undefined : `${codedBytes} coded bytes cannot be a 'zeros' coding of ${bytes}`;
  }
  if (codec === 'pixels' && type !== 'uint8') return `a picture is uint8, not ${type}`;
  return codedBytes === bytes ? undefined : `${codedBytes} coded bytes are announced and its shape needs ${bytes}`;
}

function describe(type: ElementType, shape: readonly number[]): string {
  return `${type} [${shape.join(',')}]`;
}
