import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { app, cloudConfig } from './app.ts';

it("app mounts the cloud in an app of one's own, configured by its environment", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'd3-cloud-'));
  const fastify = Fastify();
  try {
    await fastify.register(app, { env: { D3_MODELS: join(folder, 'models'), D3_CACHE: join(folder, 'cache') } });
    expect((await fastify.inject('/v2')).json()).toMatchObject({ name: 'd3-cloud' });
    expect((await fastify.inject('/v2/health/live')).statusCode).toBe(200);
    expect((await fastify.inject('/d3/models')).json()).toEqual({ models: [] });
  } finally {
    await fastify.close();
    await rm(folder, { recursive: true, force: true });
  }
});

it('cloudConfig() has no upstream unless told of one', () => {
  expect(cloudConfig([], {}).upstream).toBe(undefined);
  expect(cloudConfig(['--upstream', 'wss://cloud.example'], {}).upstream).toBe('wss://cloud.example');
});
