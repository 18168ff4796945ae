/**
 * Runs segments of a network: the Backend contract and what browser and Node share.
 *
 * @packageDocumentation
 */
export { abortable } from './abortable.ts';
export type {
  Backend,
  BackendName,
  SegmentRun,
  SegmentSession,
  SegmentSpec,
  SegmentWeights,
} from './backend.ts';
export { type CalibrateOptions, type Calibration, calibrate } from './calibration/calibrate.ts';
export { runtimeErrorTable } from './errors.ts';
export { normalise } from './picture/normalise.ts';
export { parseSidecar, type SidecarModel } from './picture/parse-sidecar.ts';
export { pixelShape, pixelsOf } from './picture/pixels-of.ts';
export { readAnswer } from './picture/read-answer.ts';
export { toNumbers } from './picture/to-numbers.ts';
export type { Answer, Picture, Sidecar, SidecarInput, SidecarOutput, Strokes } from './picture/types.ts';
export { SessionCache, type SessionCacheOptions, type SessionLease } from './session-cache.ts';
export { sleep } from './sleep.ts';
