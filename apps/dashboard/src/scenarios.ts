import type { DemoConfig, DemoFabric, LayerList } from './demo-config.ts';

/** The attributes that a scenario sets on `<d3-infer>`; absent ones are removed. */
export interface ScenarioAttributes {
  readonly edge: string;
  readonly objective: 'latency' | 'throughput';
  readonly 'keep-on-device'?: string;
  readonly pin?: string;
  readonly slowdown?: string;
}

/** One way to run the demo. */
export interface Scenario {
  readonly id: 'private' | 'fastest' | 'stream' | 'three-tiers';
  readonly title: string;
  readonly what: string;
  readonly fabric: (config: DemoConfig) => DemoFabric;
  readonly attributes: (fabric: DemoFabric, model: LayerList) => ScenarioAttributes;
  /** What is constrained or emulated, one line each, for the page to show. */
  readonly conditions: (fabric: DemoFabric, model: LayerList) => readonly string[];
}

/** Share of the layers that stay on the device in the private scenario, at least one convolution. */
const PRIVATE_SHARE = 0.1;
/** On the machine that also plays edge and cloud the browser is as fast as they are; slowed like this it is nearer a phone. */
const PRIVATE_SLOWDOWN = 8;

const privateScenario: Scenario = {
  id: 'private',
  title: 'Private',
  what: 'The drawing and the first layers stay in this browser; only feature maps cross.',
  fabric: (config) => config.plain,
  attributes: (fabric, model) => ({
    edge: fabric.edge,
    objective: 'latency',
    'keep-on-device': String(privateLayers(model)),
    slowdown: String(PRIVATE_SLOWDOWN),
  }),
  conditions: (_, model) => [
    `Constraint: the input and the first ${privateLayers(model)} of ${model.layers.length} layers stay on the device.`,
    `Emulated: this browser is slowed ${PRIVATE_SLOWDOWN}×, towards a phone's speed; edge and cloud are not.`,
  ],
};

const fastestScenario: Scenario = {
  id: 'fastest',
  title: 'Fastest',
  what: 'No constraint: the planner chooses, and says why it does not split when it does not.',
  fabric: (config) => config.plain,
  attributes: (fabric) => ({ edge: fabric.edge, objective: 'latency' }),
  conditions: () => ['No constraint, nothing emulated. Every tier is this one machine.'],
};

const streamScenario: Scenario = {
  id: 'stream',
  title: 'Stream',
  what: 'Many requests in flight: the slowest stage counts, so the tiers share the work.',
  fabric: (config) => config.slowed,
  attributes: (fabric) => ({
    edge: fabric.edge,
    objective: 'throughput',
    slowdown: String(fabric.slowdown.device),
  }),
  conditions: ({ slowdown }) => [
    'Objective: throughput.',
    `Emulated, since one machine plays all three tiers: device slowed ${slowdown.device}×, edge ${slowdown.edge}×, cloud ${slowdown.cloud}×.`,
  ],
};

const threeTiersScenario: Scenario = {
  id: 'three-tiers',
  title: 'Three tiers',
  what: 'A layer is pinned to each tier, and the planner places the rest around them.',
  fabric: (config) => config.plain,
  attributes: (fabric, model) => ({
    edge: fabric.edge,
    objective: 'latency',
    pin: pins(model)
      .map(([layer, tier]) => `${layer}=${tier}`)
      .join(', '),
  }),
  conditions: (_, model) =>
    pins(model).map(([layer, tier]) => `Constraint: layer '${layer}' is pinned to the ${tier}.`),
};

/** Every scenario, the one that the demo opens with first. */
export const SCENARIOS: readonly Scenario[] = [privateScenario, fastestScenario, streamScenario, threeTiersScenario];

function privateLayers(model: LayerList): number {
  const firstConvolution = model.layers.findIndex((layer) => layer.kind === 'Conv');
  return Math.max(firstConvolution + 1, Math.ceil(model.layers.length * PRIVATE_SHARE), 1);
}

/** The first, the middle and the last costly layer, a tier each. */
function pins(model: LayerList): readonly (readonly [layer: string, tier: string])[] {
  const costly = model.layers.filter((layer) => layer.kind === 'Conv');
  const layers = costly.length >= 3 ? costly : model.layers;
  const at = (share: number) => layers[Math.round(share * (layers.length - 1))]?.name ?? '';
  return [
    [at(0), 'device'],
    [at(0.5), 'edge'],
    [at(1), 'cloud'],
  ];
}
