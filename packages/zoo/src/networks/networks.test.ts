import { createHash } from 'node:crypto';
import { buildModel, readModel } from '@d3/onnx';
import { prepareGraph, verifyGraph } from '@d3/partition';
import { describe, expect, it } from 'vitest';
import { type NetworkName, networks, seededChunks, seededWeight } from '../index.ts';

interface Published {
  /** Learned, as the papers and torchvision, timm or Darknet count them. */
  readonly parameters: number;
  /** Multiply-adds of the usual input. */
  readonly gigaMacs: number;
  /** Layers with kernels. */
  readonly layers: Readonly<Record<string, number>>;
  /** Elements of each output. */
  readonly outputs: readonly number[];
}

const scores = [1000];

const published: Readonly<Record<NetworkName, Published>> = {
  alexnet: { parameters: 61_100_840, gigaMacs: 0.71, layers: { Conv: 5, Gemm: 3 }, outputs: scores },
  vgg16: { parameters: 138_357_544, gigaMacs: 15.5, layers: { Conv: 13, Gemm: 3 }, outputs: scores },
  resnet18: { parameters: 11_689_512, gigaMacs: 1.82, layers: { Conv: 17 + 3, Gemm: 1 }, outputs: scores },
  darknet53: { parameters: 41_609_928, gigaMacs: 9.3, layers: { Conv: 52, Gemm: 1 }, outputs: scores },
  'inception-v4': { parameters: 42_679_816, gigaMacs: 12.3, layers: { Conv: 149, Gemm: 1 }, outputs: scores },
  'mobilenet-v2': { parameters: 3_504_872, gigaMacs: 0.3, layers: { Conv: 52, Gemm: 1 }, outputs: scores },
  'yolov3-tiny': {
    parameters: 8_852_366,
    gigaMacs: 5.56 / 2,
    layers: { Conv: 13 },
    outputs: [255 * 13 * 13, 255 * 26 * 26],
  },
  'deit-tiny': { parameters: 5_717_416, gigaMacs: 1.26, layers: { Conv: 1, MatMul: 12 * 6, Gemm: 1 }, outputs: scores },
};

describe.each(Object.keys(published) as NetworkName[])('networks: %s', (name) => {
  const network = networks[name]();
  const { parameters, gigaMacs, layers, outputs } = published[name];

  it('has the published number of parameters, layers and multiply-adds, and says where it is from', () => {
    expect(network.parameters).toBe(parameters);
    for (const [kind, count] of Object.entries(layers)) {
      expect(network.graph.layers.filter((layer) => layer.kind === kind).length).toBe(count);
    }
    const flops = network.graph.layers.reduce((total, layer) => total + layer.flops, 0);
    expect(flops / 2e9 / gigaMacs).toBeGreaterThan(0.97);
    expect(flops / 2e9 / gigaMacs).toBeLessThan(1.06);
    expect(network.source).toMatch(/arXiv:\d{4}\.\d{5}|arXiv:1404\.5997|arXiv:1409\.1556/);
  });

  it('is a valid layer graph that starts at the input and ends in what it predicts', () => {
    verifyGraph(network.graph);
    const prepared = prepareGraph(network.graph);
    expect(prepared.sources.length).toBe(1);
    const ends = network.graph.tensors.filter((tensor) => tensor.isOutput);
    expect(ends.map(({ bytes }) => bytes / 4)).toEqual(outputs);
  });

  it('is an ONNX model of a few dozen kilobytes whose weights lie outside, one after the other', () => {
    const bytes = buildModel(network.spec);
    expect(bytes.length).toBeLessThan(200_000);
    const model = readModel(bytes);
    expect(model.graph.nodes.length).toBe(network.graph.layers.length);
    const weights = model.graph.initializers.filter(({ data }) => data === null);
    expect(weights.length).toBe(network.weights.length);
    let offset = 0;
    for (const { external } of weights) {
      expect(external).toMatchObject({ path: network.weightsPath, offset });
      offset += external?.length ?? 0;
    }
    expect(offset).toBe(network.graph.layers.reduce((total, layer) => total + layer.weightBytes, 0));
  });
});

it('yolov3-tiny has as many weights as the file that was published', () => {
  const bytes = networks['yolov3-tiny']().weights.reduce((total, { external }) => total + external.length, 0);
  expect(bytes + 20).toBe(35_434_956);
});

describe('seededWeight()', () => {
  it('gives the same He-scaled values for the same seed', () => {
    const [kernel] = networks.resnet18().weights;
    if (kernel === undefined) throw new Error('ResNet-18 has weights');
    const values = seededWeight(kernel, { seed: 1, index: 0 });
    expect(seededWeight(kernel, { seed: 1, index: 0 })).toEqual(values);
    expect(seededWeight(kernel, { seed: 2, index: 0 })).not.toEqual(values);
    const variance = values.reduce((total, value) => total + value * value, 0) / values.length;
    expect(variance / (2 / kernel.fanIn)).toBeCloseTo(1, 1);
  });

  it('keeps every scale and variance of batch norm positive', () => {
    const { weights } = networks['inception-v4']();
    for (const [index, weight] of weights.entries()) {
      if (weight.role !== 'scale' && weight.role !== 'variance') continue;
      expect(Math.min(...seededWeight(weight, { seed: 3, index }))).toBeGreaterThan(0);
    }
  });
});

describe('seededChunks()', () => {
  it('gives the weights file, in order, as seededWeight() has it, in chunks of 4 MB', () => {
    const network = networks.resnet18();
    const hash = createHash('sha256');
    let end = 0;
    for (const { offset, bytes } of seededChunks(network, { seed: 1 })) {
      expect(offset).toBe(end);
      expect(bytes.length).toBeLessThanOrEqual(2 ** 22);
      end += bytes.length;
      hash.update(bytes);
    }
    const whole = createHash('sha256');
    for (const [index, weight] of network.weights.entries()) {
      whole.update(new Uint8Array(seededWeight(weight, { seed: 1, index }).buffer));
    }
    expect(hash.digest('hex')).toBe(whole.digest('hex'));
  });

  it('gives the bytes that every other machine has', () => {
    const hash = createHash('sha256');
    for (const { bytes } of seededChunks(networks['mobilenet-v2'](), { seed: 1 })) hash.update(bytes);
    expect(hash.digest('hex')).toBe('fd5c6cca6dfe4320fb2f2432a2db203a7697cdf78255e0c0811d469fb70e6901');
  });
});
