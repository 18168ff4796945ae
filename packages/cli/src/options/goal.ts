import type { Constraints, Objective } from '@d3/partition';
import { type Command, Option } from 'commander';
import { cliError } from '../errors.ts';
import { type LayerList, layerIndex } from './layer-reference.ts';
import { parseInteger } from './quantities.ts';
import { parseMemory, parseSlowdown, type TierValue, tierIndex } from './tier-value.ts';

/** A pin as it was parsed: the layer is looked up once the model is known. */
export interface PinOption {
  readonly layer: string;
  readonly tier: string;
}

/** What `plan` and `infer` may be asked to reach and to respect. */
export interface GoalOptions {
  readonly objective?: Objective;
  readonly keepOnDevice?: number;
  readonly pin: readonly PinOption[];
  readonly memory: readonly TierValue<number | null>[];
  readonly slowdown: readonly TierValue<number>[];
  readonly unavailable: readonly string[];
}

/** Adds the options of {@link GoalOptions} to a command. */
export function addGoalOptions(command: Command): Command {
  return command
    .option('--objective <goal>', 'latency (one request) or throughput (a stream)', parseObjective)
    .option('--keep-on-device <n>', 'the input and the first N layers stay on the device', (text) =>
      parseInteger('--keep-on-device', text, { min: 1 }),
    )
    .addOption(repeatable('--pin <layer=tier>', 'a layer (name, index, first, last) stays on a tier', parsePin))
    .addOption(repeatable('--memory <tier=size>', 'cap on the weights of a tier, e.g. edge=64MB', parseMemory))
    .addOption(repeatable('--slowdown <tier=n>', 'a tier takes N times as long', parseSlowdown))
    .addOption(repeatable('--unavailable <tier>', 'a tier holds no layer', String));
}

/** An option that may be given several times: a list of what was parsed, empty without it. */
export function repeatable<Value>(flags: string, description: string, parse: (text: string) => Value): Option {
  return new Option(flags, `${description}; repeatable`)
    .argParser((text: string, previous: readonly Value[]) => [...previous, parse(text)])
    .default([], 'none');
}

/**
 * The constraints that the options state, over those that hold already.
 *
 * @throws D3Error `CLI_BAD_LAYER`, `CLI_BAD_TIER`
 */
export function constraintsOf(
  options: GoalOptions,
  model: LayerList,
  place: { readonly tiers: readonly string[]; readonly given?: Constraints },
): Constraints {
  const { tiers, given = {} } = place;
  const pin: Record<string, string> = { ...given.pin };
  for (const { layer, tier } of options.pin) {
    tierIndex('--pin', tier, tiers);
    pin[model.layers[layerIndex('--pin', layer, model)]?.name ?? layer] = tier;
  }
  const memoryBytes = tiers.map((_, index) => given.memoryBytes?.[index] ?? null);
  for (const { tier, value } of options.memory) memoryBytes[tierIndex('--memory', tier, tiers)] = value;
  for (const tier of options.unavailable) tierIndex('--unavailable', tier, tiers);
  const unavailable = [...new Set([...(given.unavailable ?? []), ...options.unavailable])];
  const keepOnDevice = options.keepOnDevice ?? given.keepOnDevice;
  return {
    ...(keepOnDevice === undefined ? {} : { keepOnDevice }),
    ...(Object.keys(pin).length === 0 ? {} : { pin }),
    ...(memoryBytes.every((bytes) => bytes === null) ? {} : { memoryBytes }),
    ...(unavailable.length === 0 ? {} : { unavailable }),
  };
}

/** The factor by which a tier is slowed; 1 unless an option says otherwise. */
export function slowdownOf(options: GoalOptions, tier: string): number {
  return options.slowdown.findLast((entry) => entry.tier === tier)?.value ?? 1;
}

function parseObjective(text: string): Objective {
  if (text === 'latency' || text === 'throughput') return text;
  throw cliError('CLI_BAD_OPTION', { option: '--objective', value: text, expected: 'latency or throughput' });
}

function parsePin(text: string): PinOption {
  const at = text.lastIndexOf('=');
  if (at <= 0 || at === text.length - 1) {
    throw cliError('CLI_BAD_OPTION', { option: '--pin', value: text, expected: 'LAYER=TIER, e.g. first=device' });
  }
  return { layer: text.slice(0, at), tier: text.slice(at + 1) };
}
