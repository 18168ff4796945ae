import type { SessionLease } from '@d3/runtime';

/** Some of an epoch's layers on the device, prepared as one segment. */
export interface DeviceStage {
  readonly layers: readonly number[];
  readonly lease: SessionLease;
}
