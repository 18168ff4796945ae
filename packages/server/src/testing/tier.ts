import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServeOptions, type Server, serve } from '../serve.ts';

/** A folder that goes away with {@link TestTiers.close}, and the servers that were started in it. */
export class TestTiers {
  readonly folder: string;
  readonly #servers: Server[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<TestTiers> {
    return new TestTiers(await mkdtemp(join(tmpdir(), 'd3-server-')));
  }

  /** The folder of packed models of a tier. */
  models(tier: string): string {
    return join(this.folder, `${tier}-models`);
  }

  /** Starts a server of one worker on a free port. */
  async start(tier: string, options: Partial<ServeOptions> = {}): Promise<Server> {
    const cache = join(this.folder, `${tier}-cache`);
    const server = await serve({ tier, models: this.models(tier), cache, workers: 1, ...options });
    this.#servers.push(server);
    return server;
  }

  async close(): Promise<void> {
    for (const server of this.#servers.reverse()) await server.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
