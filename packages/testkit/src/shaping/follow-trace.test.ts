import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { followTrace, type LinkShape, type LinkTrace, parseTrace } from '../index.ts';

const folder = process.env.D3_TRACES ?? join(import.meta.dirname, '../../../../../shared/traces');

class RecordingLink {
  readonly shapes: { up?: LinkShape; down?: LinkShape }[] = [];
  update(shapes: { up?: LinkShape; down?: LinkShape }): void {
    this.shapes.push(shapes);
  }
}

const trace: LinkTrace = { name: 't', stepMs: 20, upMbps: [8, 0, 16], downMbps: [80, 40, 8], rttMs: [10, 20, 30] };

describe('followTrace()', () => {
  it('sets rate and delay of every step, in both directions', async () => {
    const link = new RecordingLink();
    const { done, notes } = followTrace(trace, link);
    await done;
    // A timer may come a little before its step, or so late that it misses one; the steps it sees are in order.
    const rates = link.shapes.map(({ up, down }) => [up?.bytesPerMs, down?.bytesPerMs, up?.delayMs]);
    const steps = [
      [1000, 10_000, 5],
      [0, 5000, 10],
      [2000, 1000, 15],
    ];
    const indices = rates.map((rate) => steps.findIndex((step) => String(step) === String(rate)));
    expect(indices[0]).toBe(0);
    expect(indices).toEqual([...indices].sort());
    expect(notes).toEqual([]);
  });

  it('says what stands for what was not recorded', async () => {
    const link = new RecordingLink();
    const replay = followTrace({ ...trace, upMbps: null, rttMs: null }, link, { rttMs: 60, fromMs: 20, lengthMs: 5 });
    await replay.done;
    expect(link.shapes[0]).toEqual({ up: { bytesPerMs: 5000, delayMs: 30 }, down: { bytesPerMs: 5000, delayMs: 30 } });
    expect(replay.notes).toEqual([
      't: no uplink recorded, the downlink stands for both',
      't: no round trip recorded, 60 ms added',
    ]);
  });

  it('stops when told to', async () => {
    const link = new RecordingLink();
    const replay = followTrace({ ...trace, stepMs: 60_000 }, link);
    replay.stop();
    await replay.done;
    expect(link.shapes.length).toBe(1);
  });
});

describe('parseTrace()', () => {
  it('refuses what is no trace', () => {
    const broken = [
      { ...trace, upMbps: null, downMbps: null },
      { ...trace, upMbps: [1] },
      { ...trace, rttMs: [1, -2, 3] },
      { ...trace, stepMs: 0 },
    ];
    for (const one of broken) expect(() => parseTrace(JSON.stringify(one))).toThrow(RangeError);
  });

  it.skipIf(!existsSync(folder))(`reads the recorded links (skipped where ${folder} is absent)`, () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
    for (const file of files) expect(parseTrace(readFileSync(join(folder, file), 'utf8')).stepMs).toBeGreaterThan(0);
    expect(files.length).toBeGreaterThan(0);
  });
});
