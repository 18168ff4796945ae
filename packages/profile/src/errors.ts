import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/profile`. */
export const profileErrorTable = {
  PROFILE_TIER_COUNT: {
    message:
      '{tiers} tier profiles and {links} link estimates do not fit together: give one link fewer than tiers, at least one tier',
    status: 400,
    retryable: false,
  },
  PROFILE_NOT_A_RATE: {
    message: 'The {quantity} is {value}, and must be a finite number {range}: measure it again',
    status: 400,
    retryable: false,
  },
  PROFILE_FILE_MALFORMED: {
    message: 'This is no profile: {place} {problem}; measure the machine again with d3 profile',
    status: 400,
    retryable: false,
  },
  PROFILE_FILE_VERSION: {
    message:
      'The profile has format {actual} and format {supported} is read: measure the machine again with d3 profile',
    status: 400,
    retryable: false,
  },
  PROFILE_FILE_FOREIGN: {
    message: "The profile is of another {part}, '{actual}' and not '{expected}': measure this machine with d3 profile",
    status: 409,
    retryable: false,
  },
  PROFILE_FILE_ABSURD: {
    message:
      'The {quantity} of the profile is {value}, and no machine has that (from {least} to {most}): measure again',
    status: 400,
    retryable: false,
  },
  PROFILE_SAMPLES_UNUSABLE: {
    message: 'No profile can be fitted to these timed segments: {problem}; calibrate again',
    status: 500,
    retryable: true,
  },
} as const;

export const profileError: ErrorFactory<typeof profileErrorTable> = defineErrors(profileErrorTable);
