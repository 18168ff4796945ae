import { describe, expect, it } from 'vitest';
import { parseEdgeAddress } from './edge-address.ts';

describe('parseEdgeAddress()', () => {
  it('finds the models beside the link, under any prefix', () => {
    expect(parseEdgeAddress('ws://127.0.0.1:7001/d3/link').models).toBe('http://127.0.0.1:7001/d3/models/');
    expect(parseEdgeAddress('wss://a.example/x/d3/link').models).toBe('https://a.example/x/d3/models/');
    expect(parseEdgeAddress('ws://localhost:7001')).toEqual({
      link: 'ws://localhost:7001/d3/link',
      models: 'http://localhost:7001/d3/models/',
    });
  });

  it('refuses what is no ws address, with an example', () => {
    expect(() => parseEdgeAddress('http://a.example')).toThrow('give a ws:// or wss:// address');
    expect(() => parseEdgeAddress('nonsense')).toThrow("Option 'edge' is 'nonsense'");
  });

  it('refuses ws:// from a secure page, save to the same machine', () => {
    const page = 'https://shop.example';
    expect(() => parseEdgeAddress('ws://edge.example/d3/link', page)).toThrow('give its wss:// address');
    expect(parseEdgeAddress('ws://localhost:7001/d3/link', page).link).toBe('ws://localhost:7001/d3/link');
    expect(parseEdgeAddress('wss://edge.example/d3/link', page).link).toBe('wss://edge.example/d3/link');
  });
});
