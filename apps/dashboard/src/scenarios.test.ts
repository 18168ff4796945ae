import { describe, expect, it } from 'vitest';
import type { DemoConfig, LayerList } from './demo-config.ts';
import { SCENARIOS } from './scenarios.ts';

const layer = (name: string, kind: string) => ({ name, kind, flops: 1 });
const model: LayerList = {
  layers: [
    layer('pad', 'Pad'),
    layer('c1', 'Conv'),
    layer('pool', 'MaxPool'),
    layer('c2', 'Conv'),
    layer('c3', 'Conv'),
    layer('fc', 'Gemm'),
  ],
};
const config: DemoConfig = {
  plain: { edge: 'ws://127.0.0.1:1/d3/link', slowdown: { device: 1, edge: 1, cloud: 1 } },
  slowed: { edge: 'ws://127.0.0.1:2/d3/link', slowdown: { device: 2, edge: 8, cloud: 4 } },
};

const attributesOf = (id: string) => {
  const scenario = SCENARIOS.find((candidate) => candidate.id === id);
  if (!scenario) throw new Error(`no scenario ${id}`);
  return scenario.attributes(scenario.fabric(config), model);
};

describe('SCENARIOS', () => {
  it('opens with the private one, which keeps at least one convolution on the device', () => {
    expect(SCENARIOS[0]?.id).toBe('private');
    expect(attributesOf('private')).toEqual({
      edge: config.plain.edge,
      objective: 'latency',
      'keep-on-device': '2',
      slowdown: '8',
    });
  });

  it('pins a convolution to each tier', () => {
    expect(attributesOf('three-tiers').pin).toBe('c1=device, c2=edge, c3=cloud');
  });

  it('streams over the slowed fabric and says so', () => {
    expect(attributesOf('stream')).toEqual({ edge: config.slowed.edge, objective: 'throughput', slowdown: '2' });
    const stream = SCENARIOS.find(({ id }) => id === 'stream');
    expect(stream?.conditions(config.slowed, model).join(' ')).toContain('Emulated');
  });
});
