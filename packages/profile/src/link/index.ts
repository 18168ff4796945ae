export { type FittedPlan, fitLinks, type LinkFit } from './fit-links.ts';
export { LINK_BAND, leftBand } from './left-band.ts';
export { LinkEstimator, type PlanBytes, SAMPLE_BYTES } from './link-estimator.ts';
export { IDLE_MS, type RampPath, rampStallMs, rampTransferMs } from './ramp.ts';
export type { Arrival, LinkDirection, Transfer } from './transfer.ts';
