import { describe, expect, it } from 'vitest';
import { D3Error, defineErrors, isD3Error } from './index.ts';

const toyError = defineErrors({
  TOY_BROKEN: { message: "Toy '{toy}' broke at {place}: bring glue", status: 400, retryable: false },
});

describe('defineErrors()', () => {
  it('fills the text from the details and keeps them', () => {
    const error = toyError('TOY_BROKEN', { toy: 'duck', place: 'home', extra: [1] });
    expect(error.message).toBe("Toy 'duck' broke at home: bring glue");
    expect(error.details).toEqual({ toy: 'duck', place: 'home', extra: [1] });
    expect(error.status).toBe(400);
  });

  it('keeps the cause', () => {
    const cause = new Error('crack');
    expect(toyError('TOY_BROKEN', { toy: 'a', place: 'b' }, { cause }).cause).toBe(cause);
  });

  it('treats an unknown code as the caller’s bug', () => {
    expect(() => toyError('NOPE' as 'TOY_BROKEN', { toy: 'a', place: 'b' })).toThrow(TypeError);
  });
});

describe('D3Error', () => {
  it('survives JSON', () => {
    const error = toyError('TOY_BROKEN', { toy: 'duck', place: 'home' });
    const back = D3Error.fromJSON(JSON.parse(JSON.stringify(error)));
    expect(back).toMatchObject(error.toJSON());
    expect(isD3Error(back, 'TOY_BROKEN')).toBe(true);
  });

  it('isD3Error() knows a structured clone by name and code, and nothing else', () => {
    const clone = structuredClone(toyError('TOY_BROKEN', { toy: 'a', place: 'b' }).toJSON());
    expect(isD3Error(clone)).toBe(true);
    expect(isD3Error(clone, 'OTHER')).toBe(false);
    expect(isD3Error(new Error('x'))).toBe(false);
    expect(isD3Error(null)).toBe(false);
  });
});
