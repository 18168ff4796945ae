import { formatBytes, formatMs } from './format.ts';
import type { SessionNews } from './session-news.ts';

/** The last switch, what it is expected to win, and what stands against the next one: a sentence each. */
export function describeNews({ plan, considered, lost }: SessionNews): string[] {
  return [
    ...(plan === undefined ? [] : [`Plan ${plan.epoch}: ${plan.reason}${gainOf(plan)}.`]),
    ...(lost === undefined ? [] : [`Lost ${lost.what}: ${lost.reason}.`]),
    ...(considered === undefined ? [] : [`Not taken: another plan${gainOf(considered)}, since ${considered.reason}.`]),
  ];
}

function gainOf({
  predictedGainMs = 0,
  bytes = 0,
}: {
  readonly predictedGainMs?: number;
  readonly bytes?: number;
}): string {
  const facts = [
    ...(predictedGainMs > 0 ? [`${formatMs(predictedGainMs)} faster by prediction`] : []),
    ...(bytes > 0 ? [`${formatBytes(bytes)} of weights to fetch`] : []),
  ];
  return facts.length === 0 ? '' : ` (${facts.join(', ')})`;
}
