import type { D3Error } from '@d3/errors';
import { protocolError } from './errors.ts';
import type { FrameKind } from './frame.ts';

/** The error of a frame of which nothing more came for a while. */
export function stalledFrame(frame: {
  readonly kind: FrameKind;
  readonly request: number;
  readonly idleMs: number;
  /** Payload bytes that had come. */
  readonly received: number;
}): D3Error {
  return protocolError('PROTOCOL_FRAME_STALLED', frame);
}
