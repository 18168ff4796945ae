import { encodeFrame, type FrameHeader, type LinkClient, type ResultSink, readPrefix } from '@d3/protocol';
import { makeTensor } from '@d3/tensor';
import { describe, expect, it } from 'vitest';
import { Relay } from './relay.ts';

const HEADER: FrameHeader = { kind: 'request', request: 7, epoch: 1, tensors: [] };
const OUTPUTS = { y: makeTensor('y', 'float32', [2], Float32Array.of(1, 2)) };

/** A relay whose next tier answers at once; `sendDown` takes what comes back. Resolves with how it ended. */
async function relayed(sendDown: (part: 'header' | 'payload') => Promise<void>): Promise<unknown> {
  let sink: ResultSink | undefined;
  const link = {
    relay: (_: number, given: ResultSink) => {
      sink = given;
      return () => undefined;
    },
  } as unknown as LinkClient;
  const ended = new Promise<unknown>((resolve) => {
    new Relay({
      ...{
        header: HEADER,
        link: Promise.resolve(link),
        hop: 'edge-cloud',
        onEnd: resolve,
        onWhole: () => undefined,
        maxKeptBytes: 0,
      },
      sendDown: (message) => sendDown(readPrefix(message).part),
    });
  });
  await new Promise((resolve) => setTimeout(resolve, 0));
  for (const message of encodeFrame({ kind: 'result', request: 7, epoch: 1, segments: [], hops: [] }, OUTPUTS)) {
    sink?.message(message, readPrefix(message));
  }
  return await ended;
}

describe('Relay', () => {
  it('ends when all of the result went down', async () => {
    const sent: string[] = [];
    await relayed(async (part) => void sent.push(part));
    expect(sent).toEqual(['header', 'payload']);
  });

  it('ends with the error when the last of the result cannot be sent', async () => {
    const full = new Error('no room');
    expect(await relayed(async (part) => (part === 'payload' ? Promise.reject(full) : undefined))).toBe(full);
  });
});
