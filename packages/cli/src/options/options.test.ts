import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addGoalOptions, constraintsOf, type GoalOptions, slowdownOf } from './goal.ts';
import { layerIndex } from './layer-reference.ts';
import { parseLink, placeLinks } from './link.ts';
import { parseInteger } from './quantities.ts';
import { parseMemory, parseSlowdown } from './tier-value.ts';

const TIERS = ['device', 'edge', 'cloud'];
const MODEL = { name: 'net', layers: [{ name: 'conv1' }, { name: 'a=b' }, { name: '0' }, { name: 'fc' }] };

function goal(...args: string[]): GoalOptions {
  return addGoalOptions(new Command()).parse(args, { from: 'user' }).opts();
}

describe('parseLink()', () => {
  it('reads rate and delay', () => {
    const link = { upBytesPerMs: 2500, downBytesPerMs: 2500, delayMs: 5 };
    expect(parseLink('device-edge=20mbit,5ms')).toEqual({ hop: 'device-edge', link });
    expect(parseLink('device-edge=20Mbit/s,0.005s')).toEqual({ hop: 'device-edge', link });
  });

  it('reads a rate each way and a preset', () => {
    expect(parseLink('e-c=8mbit:1gbit,1ms').link).toEqual({ upBytesPerMs: 1000, downBytesPerMs: 125_000, delayMs: 1 });
    expect(parseLink('e-c=4G').link.upBytesPerMs).toBeCloseTo(731.25);
  });

  it.each([
    '',
    'device-edge',
    '=20mbit',
    'a-b=20',
    'a-b=0mbit,1ms',
    'a-b=fast,5ms',
    'a-b=20mbit,5ms,7',
    'a-b=-1mbit',
    'a-b=constructor',
    'a-b=20mbit,5constructor',
  ])('refuses %j', (text) => {
    expect(() => parseLink(text)).toThrow(expect.objectContaining({ code: 'CLI_BAD_OPTION' }));
  });
});

describe('placeLinks()', () => {
  const none = { upBytesPerMs: 1, downBytesPerMs: 1, delayMs: 0 };

  it('puts each link between its tiers, the last one given winning', () => {
    const placed = placeLinks(TIERS, [none, none], [parseLink('edge-cloud=8mbit'), parseLink('edge-cloud=16mbit')]);
    expect(placed.map((link) => link.upBytesPerMs)).toEqual([1, 2000]);
  });

  it('refuses tiers that are no neighbours', () => {
    expect(() => placeLinks(TIERS, [none, none], [parseLink('device-cloud=8mbit')])).toThrow(
      "Option --link names 'device-cloud', and the links are device-edge, edge-cloud",
    );
  });
});

describe('parseSlowdown() and parseMemory()', () => {
  it('read a tier and its value', () => {
    expect(parseSlowdown('device=8')).toEqual({ tier: 'device', value: 8 });
    expect(parseMemory('edge=64MB')).toEqual({ tier: 'edge', value: 64e6 });
    expect(parseMemory('edge=1.5MiB')).toEqual({ tier: 'edge', value: 1_572_864 });
    expect(parseMemory('edge=none')).toEqual({ tier: 'edge', value: null });
  });

  it.each(['device', 'device=', '=8', 'device=0.5', 'device=fast', 'device=1e3', 'device=-2', 'device=9valueOf'])(
    'refuse %j',
    (text) => {
      expect(() => parseSlowdown(text)).toThrow(expect.objectContaining({ code: 'CLI_BAD_OPTION' }));
      expect(() => parseMemory(text)).toThrow(expect.objectContaining({ code: 'CLI_BAD_OPTION' }));
    },
  );
});

describe('parseInteger()', () => {
  it('keeps to its limits and says them', () => {
    expect(parseInteger('--random', '50', { min: 0 })).toBe(50);
    expect(() => parseInteger('--random', '-1', { min: 0, max: 9 })).toThrow(
      "Option --random is '-1', and must be a whole number, at least 0 and at most 9",
    );
  });
});

describe('layerIndex()', () => {
  it('knows names before indices, then first and last', () => {
    expect(['fc', '0', '1', 'first', 'last'].map((text) => layerIndex('--at', text, MODEL))).toEqual([3, 2, 1, 0, 3]);
  });

  it('says what there is otherwise', () => {
    expect(() => layerIndex('--at', '4', MODEL)).toThrow("'net' has no such layer: give a name, an index from 0 to 3");
  });
});

describe('constraintsOf()', () => {
  it('is empty without options', () => {
    expect(constraintsOf(goal(), MODEL, { tiers: TIERS })).toEqual({});
  });

  it('gathers repeated options, layers by name', () => {
    const options = goal('--pin', 'first=device', '--pin', 'a=b=edge', '--pin', 'last=cloud', '--keep-on-device', '2');
    expect(constraintsOf(options, MODEL, { tiers: TIERS })).toEqual({
      keepOnDevice: 2,
      pin: { conv1: 'device', 'a=b': 'edge', fc: 'cloud' },
    });
  });

  it('goes over the constraints of a problem', () => {
    const options = goal('--memory', 'device=5MB', '--unavailable', 'cloud');
    const given = { keepOnDevice: 3, memoryBytes: [1, 2, null] };
    expect(constraintsOf(options, MODEL, { tiers: TIERS, given })).toEqual({
      keepOnDevice: 3,
      memoryBytes: [5e6, 2, null],
      unavailable: ['cloud'],
    });
  });

  it('refuses an unknown tier', () => {
    expect(() => constraintsOf(goal('--pin', 'fc=fog'), MODEL, { tiers: TIERS })).toThrow(
      "Option --pin names tier 'fog', and the tiers are device, edge, cloud",
    );
  });
});

describe('slowdownOf()', () => {
  it('is 1 unless said otherwise', () => {
    const options = goal('--slowdown', 'device=8', '--slowdown', 'device=4');
    expect([slowdownOf(options, 'device'), slowdownOf(options, 'edge')]).toEqual([4, 1]);
  });
});
