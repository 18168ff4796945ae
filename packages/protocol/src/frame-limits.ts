import type { Limits } from './control.ts';

/** What a receiver of frames accepts: what its welcome promised, and bounds that no honest sender reaches. */
export interface FrameLimits extends Limits {
  /** Longest message, prefix included. 65,536 by default; a larger one is refused whole. */
  readonly maxMessageBytes?: number;
  /** Tensors of one frame. 256 by default. */
  readonly maxTensors?: number;
}

/** {@link FrameLimits} with every default filled in. */
export function fillLimits(limits: FrameLimits): Required<FrameLimits> {
  return { maxMessageBytes: MAX_MESSAGE_BYTES, maxTensors: 256, ...limits };
}

/** Longest message a sender makes, unless told otherwise. */
export const MAX_MESSAGE_BYTES: number = 1 << 16;
