import type { ElementType } from '@d3/tensor';
import type { HopTiming, SegmentTiming } from './control.ts';

/** `request`: boundary tensors on their way up. `result`: network outputs on their way down. */
export type FrameKind = 'request' | 'result';

/**
 * How a tensor's bytes are coded. `raw`: as they are. `zeros`: a bitmap of the non-zero elements, then those elements.
 * `pixels`: a picture as uint8, to be normalised behind the hop by the model's sidecar; the only one that changes the
 * type: the wire holds H×W×C bytes of the input picture.
 */
export type TensorCodec = 'raw' | 'zeros' | 'pixels';

/** A tensor as its frame's header announces it. */
export interface WireTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly codec: TensorCodec;
  readonly codedBytes: number;
}

/** The first message of a frame; payload messages of at most 64 kB follow, tensor after tensor. */
export interface FrameHeader {
  readonly kind: FrameKind;
  /** Chosen by the sender of the request; unique on its link while in flight. */
  readonly request: number;
  readonly epoch: number;
  readonly tensors: readonly WireTensor[];
  /** Requests: ms the sender still waits; at most 2^31 − 1. */
  readonly deadlineMs?: number;
  /** Results: what was spent behind this hop. */
  readonly segments?: readonly SegmentTiming[];
  readonly hops?: readonly HopTiming[];
  /** Results: a relay passed it on as it came from behind, so its pace may not be this hop's. */
  readonly relayed?: boolean;
}
