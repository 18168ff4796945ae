import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ConnectOptions, connect, type Progress, type Session } from '@d3/client';
import { cliError } from '../errors.ts';
import type { OpenModel } from '../model/open-model.ts';
import { writePackedFolder } from '../model/packed-folder.ts';
import { constraintsOf, type GoalOptions, slowdownOf } from '../options/goal.ts';
import { tierIndex } from '../options/tier-value.ts';
import { startEmbeddedTiers } from './embedded-tiers.ts';

/** Where the tiers past the device are. */
export interface TierOptions extends GoalOptions {
  readonly edge?: string;
  readonly embedded?: boolean;
  readonly token?: string;
}

/** A session, and what was started for it. */
export interface OpenSession {
  readonly session: Session;
  close(): Promise<void>;
}

/** A device alone still has a neighbour in its plan, which cannot be reached. */
const ALONE = ['device', 'edge'];
const TIERS = ['device', 'edge', 'cloud'];

/**
 * Connects to the tiers that the options name: an edge's address, an edge and a cloud of this process, or none.
 *
 * @param scratch - a folder for what is made on the way; the caller removes it
 * @throws D3Error `CLI_BAD_…`, and what client and server throw; nothing is left running then
 */
export async function openSession(
  model: OpenModel,
  options: TierOptions,
  place: { readonly scratch: string; readonly onProgress: (progress: Progress) => void },
): Promise<OpenSession> {
  const { scratch, onProgress } = place;
  const { manifest } = model;
  const alone = options.edge === undefined && !options.embedded;
  const tiers = alone ? ALONE : TIERS;
  checkSlowdowns(options, tiers);
  const shared: Omit<ConnectOptions, 'model' | 'edge'> = {
    constraints: constraintsOf(options, manifest, { tiers }),
    slowdown: slowdownOf(options, 'device'),
    onProgress,
    // One request is asked, of the plan that is shown.
    ready: 'planned',
    standby: false,
    ...(options.objective === undefined ? {} : { objective: options.objective }),
    ...(options.token === undefined ? {} : { token: options.token }),
  };
  const models = join(scratch, 'models');
  if (options.edge !== undefined) {
    const session = await connect({ ...shared, model: manifest.hash, edge: options.edge });
    return { session, close: () => session.close() };
  }
  await writePackedFolder(join(models, 'model'), model.packed, model.sidecar);
  if (alone) {
    const session = await connect({ ...shared, model: `${pathToFileURL(join(models, 'model')).href}/` });
    return { session, close: () => session.close() };
  }
  const embedded = await startEmbeddedTiers({ models, scratch, slowdownOf: (tier) => slowdownOf(options, tier) });
  try {
    const session = await connect({ ...shared, model: manifest.hash, edge: embedded.edge });
    const close = async () => {
      await session.close();
      await embedded.close();
    };
    return { session, close };
  } catch (error) {
    await embedded.close();
    throw error;
  }
}

function checkSlowdowns(options: TierOptions, tiers: readonly string[]): void {
  for (const { tier } of options.slowdown) {
    tierIndex('--slowdown', tier, tiers);
    if (tier === 'device' || options.embedded) continue;
    throw cliError('CLI_BAD_USAGE', {
      problem: `Tier '${tier}' is not of this process, so --slowdown cannot slow it`,
      remedy: `start it with d3 serve ${tier} --slowdown N, or use --embedded`,
    });
  }
}
