import { defineErrors, type ErrorFactory } from '@d3/errors';

const dashboardErrorTable = {
  DASHBOARD_FETCH: {
    message: 'Cannot read {what} from {url}: {reason}. Check that the edge is running (npm start)',
    status: 502,
    retryable: true,
  },
} as const;

export const dashboardError: ErrorFactory<typeof dashboardErrorTable> = defineErrors(dashboardErrorTable);
