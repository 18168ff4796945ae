/**
 * What tiers say to each other: control messages (JSON), tensor frames (binary), tensor codecs, and the binary tensors of
 * the Open Inference Protocol. Pure: bytes in, bytes out.
 *
 * @packageDocumentation
 */
export type {
  BoundaryTiming,
  Control,
  ControlMap,
  ControlNotices,
  Hello,
  HopTiming,
  Limits,
  Proposal,
  Ready,
  SegmentTiming,
  Welcome,
} from './control.ts';
export { protocolErrorTable } from './errors.ts';
export type { FrameHeader, FrameKind, TensorCodec, WireTensor } from './frame.ts';
export { type ControlLimits, encodeControl, parseControl } from './parse-control.ts';
