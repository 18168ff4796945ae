import type { Problem } from '@d3/partition';

/**
 * A planning problem as integer linear programs in CPLEX LP format, one for each set of tiers that hold a layer: the least
 * objective over them is the optimum. Written from the rules of partition's SPEC.md alone, so that a solver can check the
 * planner. Latency and throughput, all constraints.
 */
export function ilpModels(problem: Problem): string[] {
  const unavailable = problem.constraints.unavailable ?? [];
  const available = problem.tiers.flatMap((name, tier) => (unavailable.includes(name) ? [] : [tier]));
  return Array.from({ length: 2 ** available.length - 1 }, (_, index) => {
    const used = available.filter((_, bit) => ((index + 1) & (1 << bit)) !== 0);
    return new IlpModel(problem, used).text();
  });
}

interface IlpHop {
  readonly first: number;
  readonly up: number;
  readonly down: number;
  readonly delayMs: number;
}

class IlpModel {
  readonly #problem: Problem;
  readonly #used: readonly number[];
  readonly #hops: readonly IlpHop[];
  readonly #constraints: string[] = [];
  readonly #binaries: string[] = [];
  /** Coefficients of the latency, and of each stage; a variable must not stand twice in a row of an LP file. */
  readonly #latency = new Map<string, number>();
  readonly #stages = new Map<string, Map<string, number>>();

  constructor(problem: Problem, used: readonly number[]) {
    this.#problem = problem;
    this.#used = used;
    const stations = [...new Set([0, ...used])];
    this.#hops = stations.slice(1).map((station, index) => {
      const first = stations[index] ?? 0;
      const merged = problem.hops.slice(first, station);
      return {
        first,
        up: Math.min(...merged.map((hop) => hop.upBytesPerMs)),
        down: Math.min(...merged.map((hop) => hop.downBytesPerMs)),
        delayMs: merged.reduce((sum, hop) => sum + hop.delayMs, 0),
      };
    });
  }

  text(): string {
    this.#place();
    this.#transfer();
    this.#returns();
    this.#caps();
    const isLatency = this.#problem.objective === 'latency';
    if (!isLatency) for (const stage of this.#stages.values()) this.#constraints.push(`${rowOf(stage)} - B <= 0`);
    return [
      'Minimize',
      ` obj: ${isLatency ? rowOf(this.#latency) : 'B'}`,
      'Subject To',
      ...this.#constraints.map((constraint, index) => ` c${index}: ${constraint.replace(/^\+ /, '')}`),
      'Bounds',
      ' one = 1',
      'Binaries',
      ` ${this.#binaries.join(' ')}`,
      'End',
    ].join('\n');
  }

  #charge(ms: number, variable: string, { stage, share = 1 }: { stage: string | null; share?: number }): void {
    if (ms === 0) return;
    add(this.#latency, variable, ms);
    if (stage === null) return;
    const row = this.#stages.get(stage) ?? new Map<string, number>();
    this.#stages.set(stage, row);
    add(row, variable, ms * share);
  }

  /** x: a layer's tier. Every layer has one, every used tier a layer, and no edge of the graph leads back. */
  #place(): void {
    const { layers, tierFixedMs } = this.#problem;
    for (const at of layers.keys()) {
      this.#constraints.push(`${this.#used.map((tier) => `+ x${at}_${tier}`).join(' ')} = 1`);
      for (const tier of this.#used) this.#placeOn(at, tier);
      this.#order(at);
    }
    for (const tier of this.#used) {
      this.#constraints.push(`${layers.map((_, at) => `+ x${at}_${tier}`).join(' ')} >= 1`);
      this.#charge(tierFixedMs[tier] ?? 0, 'one', this.#stageOf(tier));
    }
  }

  #placeOn(at: number, tier: number): void {
    const { layers, tensors, tiers, constraints } = this.#problem;
    const layer = layers[at];
    if (layer === undefined) return;
    const keep = constraints.keepOnDevice ?? 0;
    const readsInput = tensors.some((tensor) => tensor.isInput && layer.inputs.includes(tensor.name));
    const held = keep > 0 && (at < keep || readsInput) && tier !== 0;
    const pin = constraints.pin?.[layer.name];
    const name = `x${at}_${tier}`;
    this.#binaries.push(name);
    if (held || (pin !== undefined && tiers[tier] !== pin)) this.#constraints.push(`${name} = 0`);
    this.#charge(layer.computeMs[tier] ?? 0, name, this.#stageOf(tier));
  }

  #order(at: number): void {
    const writer = this.#writers();
    for (const input of this.#problem.layers[at]?.inputs ?? []) {
      const before = writer.get(input);
      if (before === undefined) continue;
      for (const tier of this.#used) {
        this.#constraints.push(`${this.#upTo(before, tier, '+')} ${this.#upTo(at, tier, '-')} >= 0`);
      }
    }
  }

  #stageOf(tier: number): { stage: string; share: number } {
    return { stage: `t${tier}`, share: 1 / (this.#problem.concurrency[tier] ?? 1) };
  }

  /** z: a tensor crosses a hop. */
  #transfer(): void {
    const writer = this.#writers();
    this.#hops.forEach((hop, index) => {
      this.#charge(hop.delayMs, 'one', { stage: null });
      this.#problem.tensors.forEach((tensor, at) => {
        const readers = this.#problem.layers.flatMap((layer, reader) =>
          layer.inputs.includes(tensor.name) ? [reader] : [],
        );
        const from = writer.get(tensor.name);
        const name = `z${at}_${index}`;
        for (const reader of readers) {
          const near = from === undefined ? '- one' : this.#upTo(from, hop.first, '-') || '- 0 one';
          this.#constraints.push(`+ ${name} ${near} ${this.#upTo(reader, hop.first, '+')} >= 0`);
        }
        if (readers.length > 0)
          this.#charge((tensor.codedBytes[hop.first] ?? 0) / hop.up, name, { stage: `u${index}` });
      });
    });
  }

  /** w: some output comes back over a hop. */
  #returns(): void {
    const writer = this.#writers();
    this.#hops.forEach((hop, index) => {
      for (const tensor of this.#problem.tensors) {
        const from = writer.get(tensor.name);
        if (!tensor.isOutput || from === undefined) continue;
        this.#constraints.push(`+ w${index} ${this.#upTo(from, hop.first, '+')} >= 1`);
        for (const tier of this.#used) {
          if (tier > hop.first) this.#charge(tensor.bytes / hop.down, `x${from}_${tier}`, { stage: `d${index}` });
        }
      }
      this.#charge(hop.delayMs, `w${index}`, { stage: null });
    });
  }

  /** h: a tier holds a weight. */
  #caps(): void {
    const { layers, constraints } = this.#problem;
    for (const tier of this.#used) {
      const cap = constraints.memoryBytes?.[tier] ?? null;
      if (cap === null) continue;
      const terms = new Map<string, string>();
      layers.forEach((layer, at) => {
        for (const weight of layer.weights ?? [{ id: `own ${at}`, bytes: layer.weightBytes }]) {
          const known = [...terms.keys()].indexOf(weight.id);
          const name = `h${tier}_${known < 0 ? terms.size : known}`;
          terms.set(weight.id, `+ ${weight.bytes} ${name}`);
          this.#constraints.push(`+ ${name} - x${at}_${tier} >= 0`);
        }
      });
      if (terms.size > 0) this.#constraints.push(`${[...terms.values()].join(' ')} <= ${cap}`);
    }
  }

  /** Sum over a layer's tiers up to one: 1 when it lies there or nearer. */
  #upTo(layer: number, tier: number, sign: '+' | '-'): string {
    return this.#used
      .filter((other) => other <= tier)
      .map((other) => `${sign} x${layer}_${other}`)
      .join(' ');
  }

  #writers(): Map<string, number> {
    return new Map(this.#problem.layers.flatMap((layer, at) => layer.outputs.map((name) => [name, at] as const)));
  }
}

function add(row: Map<string, number>, variable: string, coefficient: number): void {
  row.set(variable, (row.get(variable) ?? 0) + coefficient);
}

function rowOf(row: ReadonlyMap<string, number>): string {
  return [...row].map(([variable, coefficient]) => `+ ${coefficient} ${variable}`).join(' ');
}
