/**
 * The device tier in Node: connect to an edge, plan, infer.
 *
 * @packageDocumentation
 */

import type { ConnectOptions, Session } from '../session.ts';
import { connectSession } from '../session-core/connect-session.ts';
import { nodeHost } from './node-host.ts';

export * from '../public.ts';
export { pictureOf } from './picture-of.ts';

/**
 * Connects to an edge, or sets this device up alone, and makes the first plan. Segments run in worker threads of this process.
 *
 * @throws D3Error as listed in docs/errors.md; the signal's reason when aborted. Nothing is left running then.
 */
export function connect(options: ConnectOptions): Promise<Session> {
  return connectSession(nodeHost(options.cache), options);
}
