export { fitEstimate, type LinkRamp, type PlanBytes, type RampState } from './fit-estimate.ts';
export { type FittedPlan, fitLinks, type LinkFit } from './fit-links.ts';
export { LINK_BAND, leftBand } from './left-band.ts';
export { LinkEstimator, SAMPLE_BYTES } from './link-estimator.ts';
export { IDLE_MS, INITIAL_WINDOW_BYTES, type RampPath, rampStallMs, rampTransferMs, Warmth } from './ramp.ts';
export type { Arrival, LinkDirection, Transfer } from './transfer.ts';
