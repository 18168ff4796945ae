import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Manifest } from '@d3/onnx';
import { encodeInferRequest, parseInferResponse } from '@d3/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Server } from '../serve.ts';
import { packInto, randomInputs, SKETCH } from '../testing/models.ts';
import { TestTiers } from '../testing/tier.ts';

const limits = { maxTensorBytes: 1 << 24, maxFrameBytes: 1 << 24 };

describe('the HTTP side of a tier', () => {
  let tiers: TestTiers;
  let cloud: Server;
  let manifest: Manifest;
  const get = (url: string, headers: Record<string, string> = {}) => cloud.app.inject({ method: 'GET', url, headers });
  const infer = (model: string, payload: string | Uint8Array, headers: Record<string, string>) =>
    cloud.app.inject({ method: 'POST', url: `/v2/models/${model}/infer`, headers, payload: Buffer.from(payload) });

  beforeAll(async () => {
    tiers = await TestTiers.create();
    manifest = await packInto(tiers.models('cloud'), SKETCH);
    cloud = await tiers.start('cloud', { limits: { maxFrameBytes: 1 << 20 } });
  }, 60_000);
  afterAll(async () => await tiers?.close());

  describe('/d3/models', () => {
    it('lists name, hash, inputs, outputs and whether there is a sidecar', async () => {
      const { models } = (await get('/d3/models')).json();
      expect(models).toEqual([
        expect.objectContaining({
          name: 'sketch-resnet',
          hash: manifest.hash,
          inputs: [{ name: 'image', type: 'float32', shape: [1, 1, 128, 128] }],
          sidecar: true,
        }),
      ]);
    });

    it('gives every file by hash, cacheable for good, and 304 to who has it', async () => {
      const base = `/d3/models/${manifest.hash}`;
      const weight = manifest.weights[0];
      if (weight === undefined) throw new TypeError('a weight is expected');
      for (const path of ['manifest.json', 'graph.onnx', `weights/${weight.id}`]) {
        const answer = await get(`${base}/${path}`);
        expect(answer.statusCode).toBe(200);
        expect(answer.headers['cache-control']).toBe('public, max-age=31536000, immutable');
        const etag = String(answer.headers.etag);
        expect((await get(`${base}/${path}`, { 'if-none-match': etag })).statusCode).toBe(304);
      }
      const blob = (await get(`${base}/weights/${weight.id}`)).rawPayload;
      expect(createHash('sha256').update(blob).digest('hex')).toBe(weight.id);
      const graph = (await get(`${base}/graph.onnx`)).rawPayload;
      expect(createHash('sha256').update(graph).digest('hex')).toBe(manifest.hash);
      expect((await get('/d3/models/sketch-resnet/manifest.json')).json()).toEqual(manifest);
    });

    it('gives the sidecar with its labels read in', async () => {
      const sidecar = (await get(`/d3/models/${manifest.hash}/model.d3.json`)).json();
      expect(sidecar.outputs[0].labels).toHaveLength(24);
    });

    it.each([
      ['an unknown model', '/d3/models/nope/manifest.json', 404, 'SERVER_MODEL_UNKNOWN'],
      ['an unknown hash', `/d3/models/${'0'.repeat(64)}/graph.onnx`, 404, 'SERVER_MODEL_UNKNOWN'],
      ['a path as model', '/d3/models/..%2f..%2fetc/manifest.json', 404, 'SERVER_MODEL_UNKNOWN'],
      ['a path as weight', '/d3/models/sketch-resnet/weights/..%2fmanifest.json', 404, 'SERVER_MODEL_FILE_UNKNOWN'],
      ['an unknown weight', `/d3/models/sketch-resnet/weights/${'0'.repeat(64)}`, 404, 'SERVER_MODEL_FILE_UNKNOWN'],
      ['nothing', '/d3/nothing', 404, 'SERVER_NOT_FOUND'],
      ['the link without a socket', '/d3/link', 400, 'SERVER_REQUEST_INVALID'],
    ])('answers %s with a typed error', async (_, url, status, code) => {
      const answer = await get(url);
      expect(answer.statusCode).toBe(status);
      expect(answer.json().error).toMatchObject({ name: 'D3Error', code, status, retryable: false });
    });

    it('shows a folder that is packed later, passes over a broken one, and forgets one that is removed', async () => {
      const models = tiers.models('cloud');
      await mkdir(join(models, 'broken'));
      await writeFile(join(models, 'broken', 'manifest.json'), '{"format":1,');
      await cp(join(models, 'sketch-resnet'), join(models, 'other'), { recursive: true });
      const other = JSON.parse(await readFile(join(models, 'other', 'manifest.json'), 'utf8'));
      await writeFile(
        join(models, 'other', 'manifest.json'),
        JSON.stringify({ ...other, name: 'other', hash: 'ab'.repeat(32) }),
      );
      const names = async () => (await get('/d3/models')).json().models.map(({ name }: { name: string }) => name);
      expect((await names()).sort()).toEqual(['other', 'sketch-resnet']);
      // Its graph is not what the hash says.
      const inputs = randomInputs(manifest, 1);
      const { headers, body } = encodeInferRequest({ inputs });
      const refused = await infer('other', body, headers as Record<string, string>);
      expect(refused.json().d3).toMatchObject({ code: 'SERVER_MODEL_CORRUPT', status: 500 });
      for (const folder of ['other', 'broken']) await rm(join(models, folder), { recursive: true });
      expect(await names()).toEqual(['sketch-resnet']);
    });
  });

  describe('the Open Inference Protocol', () => {
    it('is live and ready, and describes itself and the model', async () => {
      expect((await get('/v2')).json()).toEqual({
        name: 'd3-cloud',
        version: expect.any(String),
        extensions: ['binary_tensor_data'],
      });
      expect((await get('/v2/health/live')).json()).toEqual({ live: true });
      expect((await get('/v2/health/ready')).json()).toEqual({ ready: true });
      expect((await get('/v2/models/sketch-resnet/ready')).json()).toEqual({ ready: true });
      expect((await get('/v2/models/sketch-resnet')).json()).toEqual({
        name: 'sketch-resnet',
        versions: [manifest.hash],
        platform: 'onnxruntime_onnx',
        inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 128, 128] }],
        outputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 24] }],
      });
    });

    it('infers with binary tensors and with JSON alike', async () => {
      const inputs = randomInputs(manifest, 3);
      const answers = [];
      for (const binary of [true, false]) {
        const { headers, body } = encodeInferRequest({ id: 'a1', inputs, binary });
        const answer = await infer('sketch-resnet', body, headers as Record<string, string>);
        expect(answer.statusCode).toBe(200);
        const response = parseInferResponse(
          answer.headers as Record<string, string>,
          new Uint8Array(answer.rawPayload),
          limits,
        );
        expect(response).toMatchObject({ modelName: 'sketch-resnet', modelVersion: manifest.hash, id: 'a1' });
        answers.push(response.outputs.logits);
      }
      const [first, second] = answers;
      expect(first?.shape).toEqual([1, 24]);
      expect(first?.bytes.some((byte) => byte !== 0)).toBe(true);
      expect(second?.bytes).toEqual(first?.bytes);
    });

    it.each([
      ['an unknown model', 'nope', { name: 'image', shape: [1, 1, 128, 128] }, 404, 'SERVER_MODEL_UNKNOWN'],
      ['a wrong name', 'sketch-resnet', { name: 'picture', shape: [1, 1, 128, 128] }, 400, 'SERVER_INPUT_INVALID'],
      ['a wrong shape', 'sketch-resnet', { name: 'image', shape: [1, 1, 64, 256] }, 400, 'SERVER_INPUT_INVALID'],
    ])('answers %s with a typed error', async (_, model, { name, shape }, status, code) => {
      const bytes = new Uint8Array(4 * 128 * 128);
      const { headers, body } = encodeInferRequest({ inputs: { [name]: { type: 'float32', shape, bytes } } });
      const answer = await infer(model, body, headers as Record<string, string>);
      expect(answer.statusCode).toBe(status);
      expect(() => parseInferResponse({}, new Uint8Array(answer.rawPayload), limits)).toThrow(answer.json().d3.message);
      expect(answer.json()).toMatchObject({ error: answer.json().d3.message, d3: { name: 'D3Error', code, status } });
    });

    it('answers what is no request, and one that is too long, with a typed error', async () => {
      const json = { 'content-type': 'application/json' };
      expect((await infer('sketch-resnet', '{"inputs"', json)).json().d3.code).toBe('PROTOCOL_INFER_MALFORMED');
      expect((await infer('sketch-resnet', 'x', { 'content-type': 'text/plain' })).json().d3.code).toBe(
        'SERVER_REQUEST_INVALID',
      );
      const long = await infer('sketch-resnet', new Uint8Array((1 << 20) + 1), json);
      expect(long.statusCode).toBe(413);
      expect(long.json().d3.code).toBe('SERVER_REQUEST_INVALID');
    });
  });

  it('refuses requests beyond maxInFlight before it reads them, and lets the next in when one has gone', async () => {
    const busy = await tiers.start('cloud', { limits: { maxInFlight: 1 } });
    const url = `${busy.url}/v2/models/sketch-resnet/infer`;
    const headers = { 'content-type': 'application/octet-stream' };
    const slow = request(url, { method: 'POST', headers: { ...headers, 'content-length': '1000' } });
    const hungUp = new Promise((resolve) => slow.once('error', resolve));
    slow.write('{');
    const ask = () => fetch(url, { method: 'POST', headers, body: '{}' });
    await expect.poll(async () => (await ask()).status).toBe(429);
    expect(await (await ask()).json()).toMatchObject({ d3: { code: 'SERVER_BUSY', retryable: true } });
    slow.destroy(new Error('the caller hung up'));
    await hungUp;
    await expect.poll(async () => (await ask()).status).toBe(400);
  });

  describe('origins', () => {
    it('lets pages of this machine in and refuses foreign ones', async () => {
      const near = await get('/d3/models', { origin: 'http://localhost:5173' });
      expect(near.headers['access-control-allow-origin']).toBe('http://localhost:5173');
      const far = await get('/d3/models', { origin: 'https://evil.example' });
      expect(far.statusCode).toBe(403);
      expect(far.headers['access-control-allow-origin']).toBeUndefined();
      expect(far.json().error.code).toBe('SERVER_ORIGIN_REFUSED');
    });

    it('answers the preflight of a page that needs leave to reach a private address', async () => {
      const answer = await cloud.app.inject({
        method: 'OPTIONS',
        url: '/v2/models/sketch-resnet/infer',
        headers: {
          origin: 'http://127.0.0.1:7000',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'inference-header-content-length',
          'access-control-request-private-network': 'true',
        },
      });
      expect(answer.statusCode).toBe(204);
      expect(answer.headers['access-control-allow-private-network']).toBe('true');
      expect(answer.headers['access-control-allow-headers']).toContain('inference-header-content-length');
    });
  });
});

describe('a tier with a token', () => {
  it('asks for it everywhere but at health, and keeps shared caches out', async () => {
    const tiers = await TestTiers.create();
    try {
      await packInto(tiers.models('edge'), SKETCH);
      const { app } = await tiers.start('edge', { token: 'open sesame', allowOrigins: ['https://app.example'] });
      const get = (url: string, headers: Record<string, string> = {}) => app.inject({ method: 'GET', url, headers });
      expect((await get('/v2/health/live')).statusCode).toBe(200);
      for (const authorization of [undefined, 'Bearer wrong', 'Basic open sesame']) {
        const answer = await get('/d3/models', authorization === undefined ? {} : { authorization });
        expect(answer.statusCode).toBe(401);
        expect(answer.json().error.code).toBe('SERVER_TOKEN_REFUSED');
      }
      const authorization = 'Bearer open sesame';
      const file = await get('/d3/models/sketch-resnet/manifest.json', {
        authorization,
        origin: 'https://app.example',
      });
      expect(file.statusCode).toBe(200);
      const byHash = await get(`/d3/models/${file.json().hash}/manifest.json`, { authorization });
      expect(byHash.headers['cache-control']).toMatch(/^private/);
      expect((await get('/d3/models', { authorization, origin: 'http://localhost:1' })).statusCode).toBe(403);
    } finally {
      await tiers.close();
    }
  });
});

describe('the HTTP side of a tier without a token', () => {
  it('answers under loopback names and its public one only, so that no page gets in by renaming it', async () => {
    const tiers = await TestTiers.create();
    try {
      const { app } = await tiers.start('edge', { publicUrl: 'wss://edge.example:7001/d3/link' });
      const as = async (host: string) => (await app.inject({ url: '/d3/models', headers: { host } })).statusCode;
      for (const host of ['127.0.0.1:7001', 'localhost', '[::1]:7001', 'edge.example'])
        expect(await as(host)).toBe(200);
      for (const host of ['evil.example', 'evil.example:7001', '127.0.0.1.evil.example', '10.0.0.1']) {
        expect(await as(host)).toBe(421);
      }
      const { app: open } = await tiers.start('cloud', { token: 'sesame' });
      const headers = { host: 'cloud.example', authorization: 'Bearer sesame' };
      expect((await open.inject({ url: '/d3/models', headers })).statusCode).toBe(200);
    } finally {
      await tiers.close();
    }
  });

  it('holds no more bytes of requests than it may, and none longer than it may', async () => {
    const tiers = await TestTiers.create();
    try {
      const manifest = await packInto(tiers.models('edge'), SKETCH);
      const { app } = await tiers.start('edge', { slowdown: 50, limits: { maxHttpBytes: 100_000, maxHttpMs: 150 } });
      const { headers, body } = encodeInferRequest({ inputs: randomInputs(manifest, 1) });
      const url = '/v2/models/sketch-resnet/infer';
      const ask = () => app.inject({ method: 'POST', url, headers, payload: Buffer.from(body) });
      const answers = await Promise.all([ask(), ask()]);
      expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([429, 504]);
      const codes = answers.map((answer) => answer.json().d3.code);
      expect(codes.sort()).toEqual(['SERVER_BYTES_BUSY', 'SERVER_DEADLINE_EXCEEDED']);
    } finally {
      await tiers.close();
    }
  });
});
