import { describe, expect, it } from 'vitest';
import { parseGoal } from './parse-goal.ts';

describe('parseGoal()', () => {
  it('takes every constraint, and leaves out what is not given', () => {
    const constraints = { keepOnDevice: 3, pin: { conv1: 'device' }, memoryBytes: [null, 1e6], unavailable: ['cloud'] };
    expect(parseGoal({ objective: 'throughput', constraints, model: 'm' })).toEqual({
      objective: 'throughput',
      constraints,
    });
    expect(parseGoal({ objective: undefined, constraints: undefined })).toEqual({});
    expect(parseGoal({ constraints: { keepOnDevice: undefined } })).toEqual({ constraints: {} });
  });

  it.each([
    ['constraints.keepOnDevice', { constraints: { keepOnDevice: 0 } }],
    ['constraints.keepOnDevice', { constraints: { keepOnDevice: -1 } }],
    ['constraints.keepOnDevice', { constraints: { keepOnDevice: 2.5 } }],
    ['constraints.keepOnDevice', { constraints: { keepOnDevice: Number.NaN } }],
    ['constraints.keepOnDevice', { constraints: { keepOnDevice: '3' } }],
    ['constraints.keepOnDevice', { constraints: { keepOnDevice: null } }],
    ['constraints.keepondevice', { constraints: { keepondevice: 3 } }],
    ['keepOnDevice', { keepOnDevice: 3 }],
    ['constraints', { constraints: null }],
    ['constraints', { constraints: [] }],
    ['constraints.pin', { constraints: { pin: { conv1: 0 } } }],
    ['constraints.pin', { constraints: { pin: ['conv1'] } }],
    ['constraints.memoryBytes', { constraints: { memoryBytes: [Number.NaN] } }],
    ['constraints.unavailable', { constraints: { unavailable: 'cloud' } }],
    ['objective', { objective: 'speed' }],
  ])('refuses a bad %s, naming it: %o', (option, given) => {
    expect(() => parseGoal(given)).toThrow(`Option '${option}' is `);
  });
});
