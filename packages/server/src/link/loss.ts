import { isD3Error } from '@d3/errors';

/** What says that the tier behind is of no more use, whatever is asked of it. */
const LOSSES = ['SERVER_UPSTREAM_LOST', 'SERVER_DRAINING', 'RUNTIME_LOST'] as const;

/** Whether work failed because the tier behind is lost or on its way out, so that it may be done elsewhere. */
export function isLoss(error: unknown): boolean {
  return LOSSES.some((code) => isD3Error(error, code));
}
