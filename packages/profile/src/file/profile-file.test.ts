import { isD3Error } from '@d3/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeProfile,
  MAX_PROFILE_LENGTH,
  parseProfile,
  profileKey,
  type StoredProfile,
  tierProfile,
} from '../index.ts';
import { MACHINE } from '../testing/synthetic-tier.ts';

const KEY = { hardware: 'AMD EPYC ×2', backend: 'cpu', runtime: 'f00d' };
const STORED: StoredProfile = {
  key: KEY,
  measuredAtMs: 1.7e12,
  concurrency: 2,
  gflops: 20,
  fixedMs: 0.2,
  handoffMs: 0.1,
  terms: MACHINE.terms ?? {},
};
const TEXT = encodeProfile(STORED);
/** The file with one thing changed. */
const edited = (change: (file: Record<string, never>) => void): string => {
  const file = JSON.parse(TEXT);
  change(file);
  return JSON.stringify(file);
};
const codeOf = (text: string, expected = KEY): string => {
  try {
    parseProfile(text, expected);
  } catch (error) {
    if (isD3Error(error)) return error.code;
    throw error;
  }
  return 'none';
};

describe('parseProfile()', () => {
  it('gives back what encodeProfile() was given', () => {
    expect(parseProfile(TEXT)).toEqual(STORED);
    expect(parseProfile(TEXT, KEY)).toEqual(STORED);
    expect(tierProfile('edge', STORED)).toMatchObject({
      tier: 'edge',
      backend: 'cpu',
      slowdown: 1,
      terms: STORED.terms,
    });
  });

  it('refuses another version, and says which it reads', () => {
    expect(() => parseProfile(edited((file) => Object.assign(file, { format: 1 })))).toThrow('format 1 and format 2');
    expect(codeOf('{"gflops":12,"fixedMs":1}')).toBe('PROFILE_FILE_VERSION');
  });

  it('refuses what is truncated, wherever it ends', () => {
    for (let length = 0; length < TEXT.length - 2; length += 7) {
      expect(codeOf(TEXT.slice(0, length))).toBe('PROFILE_FILE_MALFORMED');
    }
    expect(codeOf(edited((file) => Reflect.deleteProperty(file, 'terms')))).toBe('PROFILE_FILE_MALFORMED');
    expect(codeOf('x'.repeat(MAX_PROFILE_LENGTH + 1))).toBe('PROFILE_FILE_MALFORMED');
  });

  it('believes a GPU that is made of software', () => {
    const slow = {
      constantMs: 173,
      msPerFlop: 1.3e-5,
      msPerInputByte: 1.2e-3,
      msPerOutputByte: 0,
      msPerWeightByte: 8e-5,
    };
    const text = edited((file) => Object.assign((file as never as StoredProfile).terms.Gemm ?? {}, slow));
    expect(parseProfile(text).terms.Gemm).toEqual(slow);
  });

  it('refuses absurd numbers by name', () => {
    const conv = (terms: object) =>
      edited((file) => Object.assign((file as never as StoredProfile).terms.Gemm ?? {}, terms));
    expect(() => parseProfile(conv({ msPerFlop: -1e-9 }))).toThrow('msPerFlop of Gemm of the profile is -1e-9');
    expect(codeOf(conv({ constantMs: 1e6 }))).toBe('PROFILE_FILE_ABSURD');
    expect(codeOf(TEXT.replace('"gflops": 20', '"gflops": 1e999'))).toBe('PROFILE_FILE_ABSURD');
    expect(codeOf(TEXT.replace('"fixedMs": 0.2', '"fixedMs": 1e9'))).toBe('PROFILE_FILE_ABSURD');
    expect(codeOf(TEXT.replace('"handoffMs": 0.1', '"handoffMs": 0.3'))).toBe('PROFILE_FILE_ABSURD');
    expect(codeOf(TEXT.replace('"gflops": 20', '"gflops": null'))).toBe('PROFILE_FILE_MALFORMED');
  });

  it('refuses the profile of another machine, backend or runtime when one is asked for', () => {
    for (const part of ['hardware', 'backend', 'runtime'] as const) {
      expect(codeOf(TEXT, { ...KEY, [part]: 'other' })).toBe('PROFILE_FILE_FOREIGN');
      expect(profileKey({ ...KEY, [part]: 'other' })).not.toBe(profileKey(KEY));
    }
  });

  it('parses any JSON or gives a typed error', () => {
    fc.assert(
      fc.property(fc.json(), (text) => codeOf(text) !== 'none'),
      { seed: 1, numRuns: 300 },
    );
    const mutated = fc.tuple(fc.nat(TEXT.length - 1), fc.string({ maxLength: 3 })).map(([at, text]) => {
      return TEXT.slice(0, at) + text + TEXT.slice(at + text.length);
    });
    fc.assert(
      fc.property(mutated, (text) => typeof codeOf(text) === 'string'),
      { seed: 1, numRuns: 300 },
    );
  });
});
