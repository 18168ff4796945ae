import type { PackedModel } from '@d3/onnx';
import type { Measured } from './measure-network.ts';

/** A backend somewhere that can be calibrated and timed. */
export interface Machine {
  readonly backend: string;
  /** Calibrates the backend and times segments of a network, both at the same speeds of the machine. */
  measure(packed: PackedModel, segments: readonly (readonly number[])[]): Promise<Measured>;
  close(): Promise<void>;
}
