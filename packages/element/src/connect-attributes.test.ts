import { describe, expect, it } from 'vitest';
import { type ConnectAttributes, parseConnectAttributes } from './connect-attributes.ts';

const NONE: ConnectAttributes = {
  model: null,
  edge: null,
  token: null,
  objective: null,
  keepOnDevice: null,
  pin: null,
  slowdown: null,
  backends: null,
  assets: null,
};

describe('parseConnectAttributes()', () => {
  it('waits for a model', () => {
    expect(parseConnectAttributes({ ...NONE, edge: 'ws://127.0.0.1:7001/d3/link' })).toBeUndefined();
  });

  it('passes on only what is given', () => {
    expect(parseConnectAttributes({ ...NONE, model: 'm' })).toEqual({ model: 'm' });
  });

  it('parses every attribute', () => {
    expect(
      parseConnectAttributes({
        model: 'm',
        edge: 'wss://edge.example/d3/link',
        token: 't',
        objective: 'throughput',
        keepOnDevice: '4',
        pin: 'a=b=device, fc=cloud',
        slowdown: '2.5',
        backends: 'wasm, webgpu',
        assets: '/ort/',
      }),
    ).toEqual({
      model: 'm',
      edge: 'wss://edge.example/d3/link',
      token: 't',
      objective: 'throughput',
      constraints: { keepOnDevice: 4, pin: { 'a=b': 'device', fc: 'cloud' } },
      slowdown: 2.5,
      backends: ['wasm', 'webgpu'],
      assets: '/ort/',
    });
  });

  it.each([
    ['edge', { edge: 'http://x' }],
    ['objective', { objective: 'speed' }],
    ['keep-on-device', { keepOnDevice: '0' }],
    ['keep-on-device', { keepOnDevice: '' }],
    ['keep-on-device', { keepOnDevice: 0 as unknown as string }],
    ['keep-on-device', { keepOnDevice: 'all' }],
    ['pin', { pin: '' }],
    ['pin', { pin: ' , ' }],
    ['pin', { pin: 'conv1=device, conv1=cloud' }],
    ['pin', { pin: 'conv1' }],
    ['slowdown', { slowdown: '0.5' }],
    ['slowdown', { slowdown: 'NaN' }],
    ['backends', { backends: 'cuda' }],
  ])('refuses a bad %s, naming it', (attribute, bad) => {
    expect(() => parseConnectAttributes({ ...NONE, model: 'm', ...bad })).toThrow(`Attribute ${attribute}=`);
  });
});
