import { buildModel, readModel } from '@d3/onnx';
import { prepareGraph } from '@d3/partition';
import { describe, expect, it } from 'vitest';
import { type NetworkName, networks, seededWeight } from '../index.ts';

/** Parameters as the papers and torchvision or timm count them; multiply-adds of the usual input in G. */
const published: Readonly<Record<NetworkName, readonly [number, number]>> = {
  alexnet: [61_100_840, 0.71],
  vgg16: [138_357_544, 15.5],
  resnet18: [11_689_512, 1.82],
  darknet53: [41_609_928, 9.3],
  'inception-v4': [42_679_816, 12.3],
};

describe.each(Object.keys(published) as NetworkName[])('networks: %s', (name) => {
  const network = networks[name]();

  it('has the published number of parameters and multiply-adds', () => {
    const [parameters, gigaMacs] = published[name];
    expect(network.parameters).toBe(parameters);
    const flops = network.graph.layers.reduce((total, layer) => total + layer.flops, 0);
    expect(flops / 2e9 / gigaMacs).toBeGreaterThan(0.97);
    expect(flops / 2e9 / gigaMacs).toBeLessThan(1.06);
  });

  it('is a valid layer graph that starts at the input and ends in 1000 scores', () => {
    const prepared = prepareGraph(network.graph);
    expect(prepared.sources.length).toBe(1);
    expect(network.graph.tensors.filter((tensor) => tensor.isOutput)).toEqual([
      expect.objectContaining({ bytes: 4000 }),
    ]);
  });

  it('is an ONNX model of a few dozen kilobytes whose weights lie outside, one after the other', () => {
    const bytes = buildModel(network.spec);
    expect(bytes.length).toBeLessThan(200_000);
    const model = readModel(bytes);
    expect(model.graph.nodes.length).toBe(network.graph.layers.length);
    let offset = 0;
    for (const { data, external } of model.graph.initializers) {
      expect(data).toBeNull();
      expect(external?.offset).toBe(offset);
      offset += external?.length ?? 0;
    }
    expect(offset).toBe(network.graph.layers.reduce((total, layer) => total + layer.weightBytes, 0));
  });
});

describe('seededWeight()', () => {
  it('gives the same He-normal values for the same seed', () => {
    const [kernel] = networks.resnet18().weights;
    if (kernel === undefined) throw new Error('ResNet-18 has weights');
    const values = seededWeight(kernel, { seed: 1, index: 0 });
    expect(seededWeight(kernel, { seed: 1, index: 0 })).toEqual(values);
    expect(seededWeight(kernel, { seed: 2, index: 0 })).not.toEqual(values);
    const variance = values.reduce((total, value) => total + value * value, 0) / values.length;
    expect(variance / (2 / kernel.fanIn)).toBeCloseTo(1, 1);
  });
});
