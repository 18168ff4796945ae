import { protocolError } from './errors.ts';
import type { FrameKind } from './frame.ts';

/** Bytes before the contents of every binary message. */
export const PREFIX_BYTES: number = 16;

const MAGIC = 0xd3;
const VERSION = 1;
const KINDS: readonly FrameKind[] = ['request', 'result'];
const PARTS = ['header', 'payload'] as const;

/** What the first bytes of a binary message say; see SPEC.md, F1. */
export interface MessagePrefix {
  readonly part: 'header' | 'payload';
  readonly kind: FrameKind;
  readonly request: number;
  readonly epoch: number;
  /** Payload: where in the frame's payload this message's bytes begin. Header: 0. */
  readonly offset: number;
}

/**
 * Reads the prefix of a binary message, which is enough to relay it.
 *
 * @throws D3Error `PROTOCOL_MESSAGE_MALFORMED`, `PROTOCOL_VERSION_UNSUPPORTED`
 */
export function readPrefix(message: Uint8Array): MessagePrefix {
  const bytes = message.byteLength;
  if (bytes <= PREFIX_BYTES) throw malformed(bytes, 'its end', `more than ${PREFIX_BYTES} bytes are needed`);
  if (message[0] !== MAGIC) throw malformed(bytes, 'byte 0', `${message[0]} is not the magic number ${MAGIC}`);
  if (message[1] !== VERSION) {
    throw protocolError('PROTOCOL_VERSION_UNSUPPORTED', { actual: Number(message[1]), supported: VERSION });
  }
  const part = PARTS[Number(message[2])];
  const kind = KINDS[Number(message[3])];
  if (part === undefined) throw malformed(bytes, 'byte 2', `${message[2]} is neither header (0) nor payload (1)`);
  if (kind === undefined) throw malformed(bytes, 'byte 3', `${message[3]} is neither request (0) nor result (1)`);
  const view = viewOf(message);
  const offset = view.getUint32(12, true);
  if (part === 'header' && offset !== 0) throw malformed(bytes, 'byte 12', `a header begins at 0, not at ${offset}`);
  return { part, kind, request: view.getUint32(4, true), epoch: view.getUint32(8, true), offset };
}

/** Writes a prefix to the start of `message`. */
export function writePrefix(message: Uint8Array, prefix: MessagePrefix): void {
  message[0] = MAGIC;
  message[1] = VERSION;
  message[2] = PARTS.indexOf(prefix.part);
  message[3] = KINDS.indexOf(prefix.kind);
  const view = viewOf(message);
  view.setUint32(4, prefix.request, true);
  view.setUint32(8, prefix.epoch, true);
  view.setUint32(12, prefix.offset, true);
}

/**
 * Changes request id and epoch of a message in place: what a relay does whose next hop numbers them differently. The message
 * must have been read by {@link readPrefix} and must be the caller's own.
 */
export function relabelMessage(message: Uint8Array, to: { readonly request: number; readonly epoch: number }): void {
  const view = viewOf(message);
  view.setUint32(4, to.request, true);
  view.setUint32(8, to.epoch, true);
}

function viewOf(message: Uint8Array): DataView {
  return new DataView(message.buffer, message.byteOffset, PREFIX_BYTES);
}

function malformed(bytes: number, place: string, problem: string): Error {
  return protocolError('PROTOCOL_MESSAGE_MALFORMED', { bytes, place, problem });
}
