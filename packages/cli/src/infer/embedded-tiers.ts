import { join } from 'node:path';
import { type Server, serve } from '@d3/server';

/** An edge and a cloud of this process, on loopback. */
export interface EmbeddedTiers {
  /** Address of the edge's link. */
  readonly edge: string;
  close(): Promise<void>;
}

/**
 * Starts a cloud that has the models of a folder, and an edge before it that gets them from there.
 *
 * @param options.scratch - a folder for what they make; the caller removes it
 * @throws D3Error what `@d3/server` throws; nothing is left running then
 */
export async function startEmbeddedTiers(options: {
  readonly models: string;
  readonly scratch: string;
  readonly slowdownOf: (tier: string) => number;
}): Promise<EmbeddedTiers> {
  const { models, scratch, slowdownOf } = options;
  const start = (tier: string, more: { readonly models: string; readonly upstream?: string }): Promise<Server> =>
    serve({ tier, port: 0, cache: join(scratch, tier), slowdown: slowdownOf(tier), workers: 1, ...more });
  const cloud = await start('cloud', { models });
  try {
    const edge = await start('edge', { models: join(scratch, 'edge-models'), upstream: cloud.url });
    return {
      edge: edge.link,
      close: async () => {
        await edge.close();
        await cloud.close();
      },
    };
  } catch (error) {
    await cloud.close();
    throw error;
  }
}
