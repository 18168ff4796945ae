import type { PackedModel } from '@d3/onnx';
import type { TierProfile } from '@d3/profile';
import type { SegmentTime } from './time-segments.ts';

/** A backend somewhere that can be calibrated and timed. */
export interface Machine {
  readonly backend: string;
  /** @returns the fitted profile; `longestGapMs`: how long the page's thread was once held up, where there is a page */
  calibrate(): Promise<{ profile: TierProfile; calibrationMs: number; longestGapMs?: number }>;
  time(
    packed: PackedModel,
    timing: { readonly segments: readonly (readonly number[])[]; readonly budgetMs: number },
  ): Promise<readonly SegmentTime[]>;
  close(): Promise<void>;
}
