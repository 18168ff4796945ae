import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../graphs/random.ts';
import type { LinkShape } from './link-shape.ts';
import { ShapedDirection } from './shaped-direction.ts';
import { ShapedFlow } from './shaped-flow.ts';

interface Sink {
  readonly arrivals: { atMs: number; byteCount: number }[];
  blocked: boolean;
  full: boolean;
  finishedMs: number;
}

/** A direction in virtual time: `run` lets it pass. */
class Simulation {
  readonly direction: ShapedDirection;
  nowMs = 0;

  constructor(shape: LinkShape, roundTripMs = 0) {
    this.direction = new ShapedDirection(shape, new Random(1));
    this.direction.roundTripMs = roundTripMs;
  }

  open(): { flow: ShapedFlow; sink: Sink } {
    const sink: Sink = { arrivals: [], blocked: false, full: false, finishedMs: Number.NaN };
    const flow = new ShapedFlow(
      {
        deliver: (bytes) => sink.arrivals.push({ atMs: this.nowMs, byteCount: bytes.byteLength }),
        finish: () => {
          sink.finishedMs = this.nowMs;
        },
        get blocked() {
          return sink.blocked;
        },
        hold: (full) => {
          sink.full = full;
        },
      },
      0,
    );
    this.direction.add(flow);
    return { flow, sink };
  }

  send(flow: ShapedFlow, byteCount: number): void {
    this.direction.push(flow, new Uint8Array(byteCount), this.nowMs);
  }

  run(untilMs: number): void {
    for (;;) {
      const nextMs = this.direction.advance(this.nowMs);
      if (nextMs > untilMs) break;
      this.nowMs = nextMs;
    }
    this.nowMs = untilMs;
    this.direction.advance(untilMs);
  }
}

function total(sink: Sink, untilMs: number = Number.POSITIVE_INFINITY): number {
  return sink.arrivals.reduce((sum, { atMs, byteCount }) => sum + (atMs <= untilMs ? byteCount : 0), 0);
}

describe('ShapedDirection', () => {
  it('delays and paces to the byte', () => {
    const simulation = new Simulation({ bytesPerMs: 100, delayMs: 20 });
    const { flow, sink } = simulation.open();
    simulation.send(flow, 100_000);
    flow.end(0);
    simulation.run(5000);
    expect(sink.arrivals[0]?.atMs).toBeCloseTo(20 + 14.6, 6);
    expect(total(sink)).toBe(100_000);
    expect(sink.arrivals.at(-1)?.atMs).toBeCloseTo(1020, 6);
    expect(sink.finishedMs).toBeCloseTo(1020, 6);
  });

  it('is not slowed by those who look late', () => {
    const simulation = new Simulation({ bytesPerMs: 100 });
    const { flow, sink } = simulation.open();
    simulation.send(flow, 100_000);
    for (let nowMs = 0; nowMs < 1000; nowMs += 37) simulation.direction.advance(nowMs);
    // A little more than 1000 for the rounding of a thousand sums.
    simulation.direction.advance(1000.001);
    expect(total(sink)).toBe(100_000);
  });

  it('keeps the order under jitter, and repeats it for a seed', () => {
    const arrivalsOf = () => {
      const simulation = new Simulation({ bytesPerMs: 1000, delayMs: 5, jitterMs: 30 });
      const { flow, sink } = simulation.open();
      simulation.send(flow, 200_000);
      simulation.run(1000);
      return sink.arrivals.map(({ atMs }) => atMs);
    };
    const arrivals = arrivalsOf();
    expect(arrivals).toEqual([...arrivals].sort((a, b) => a - b));
    expect(new Set(arrivals).size).toBeGreaterThan(10);
    expect(arrivalsOf()).toEqual(arrivals);
  });

  it('starts slowly: ten segments, twice as many each round trip, again after an idle second', () => {
    const simulation = new Simulation({ slowStart: true, delayMs: 50 }, 100);
    const { flow, sink } = simulation.open();
    simulation.send(flow, 200_000);
    simulation.run(1000);
    const perRoundTrip = [0, 1, 2, 3].map(
      (trip) => total(sink, 50 + 100 * trip + 1) - total(sink, 50 + 100 * (trip - 1) + 1),
    );
    expect(perRoundTrip).toEqual([14_600, 29_200, 58_400, 97_800]);
    simulation.run(2500);
    simulation.send(flow, 100_000);
    simulation.run(2560);
    expect(total(sink) - 200_000).toBe(14_600);
  });

  it('does not grow the window of a sender that leaves it unused', () => {
    const simulation = new Simulation({ slowStart: true }, 10);
    const { flow, sink } = simulation.open();
    for (let turn = 0; turn < 50; turn++) {
      simulation.send(flow, 1000);
      simulation.run((turn + 1) * 20);
    }
    simulation.send(flow, 100_000);
    simulation.run(simulation.nowMs + 1);
    expect(total(sink) - 50_000).toBe(14_600);
  });

  it('shares the link between connections, to within a piece', () => {
    const simulation = new Simulation({ bytesPerMs: 1000 });
    const [a, b, c] = [simulation.open(), simulation.open(), simulation.open()];
    for (const { flow } of [a, b, c]) simulation.send(flow, 200_000);
    simulation.run(300);
    const totals = [a, b, c].map(({ sink }) => total(sink));
    expect(Math.max(...totals) - Math.min(...totals)).toBeLessThanOrEqual(1460);
    expect(totals.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(298_000);
  });

  it('reshape() takes effect within a piece, and an outage ends where it began', () => {
    const simulation = new Simulation({ bytesPerMs: 1 });
    const { flow, sink } = simulation.open();
    simulation.send(flow, 1460);
    simulation.run(730);
    simulation.direction.reshape({ bytesPerMs: 0 }, 730);
    simulation.run(5000);
    expect(total(sink)).toBe(0);
    simulation.direction.reshape({ bytesPerMs: 10 }, 5000);
    simulation.run(5072);
    expect(total(sink)).toBe(0);
    simulation.run(5074);
    expect(total(sink)).toBe(1460);
  });

  it('stops a sender that is ahead by the buffer, and lets it go on at half', () => {
    const simulation = new Simulation({ bytesPerMs: 10, bufferBytes: 20_000 });
    const { flow, sink } = simulation.open();
    simulation.send(flow, 19_999);
    expect(sink.full).toBe(false);
    simulation.send(flow, 1);
    expect(sink.full).toBe(true);
    simulation.run(900);
    expect(sink.full).toBe(true);
    simulation.run(1100);
    expect(sink.full).toBe(false);
  });

  it('sends nothing to a receiver that takes nothing', () => {
    const simulation = new Simulation({ bytesPerMs: 10 });
    const { flow, sink } = simulation.open();
    sink.blocked = true;
    simulation.send(flow, 10_000);
    simulation.run(1000);
    sink.blocked = false;
    flow.notBeforeMs = 1000;
    simulation.run(1500);
    expect(total(sink)).toBeLessThanOrEqual(5000);
    expect(total(sink)).toBeGreaterThan(3000);
  });

  it('freeze() and thaw() lose nothing', () => {
    const simulation = new Simulation({ bytesPerMs: 10, delayMs: 5 });
    const { flow, sink } = simulation.open();
    simulation.send(flow, 10_000);
    simulation.run(300);
    simulation.direction.freeze(300);
    const before = total(sink);
    simulation.run(5000);
    expect(total(sink)).toBe(before);
    simulation.direction.thaw(5000);
    simulation.run(5800);
    expect(total(sink)).toBe(10_000);
  });

  it('gives every byte, in order, not before it can be there, whatever the shape', () => {
    const shape = fc.record({
      bytesPerMs: fc.integer({ min: 1, max: 5000 }),
      delayMs: fc.nat(50),
      jitterMs: fc.nat(10),
      slowStart: fc.boolean(),
    });
    const sends = fc.array(fc.record({ waitMs: fc.nat(1500), byteCount: fc.integer({ min: 1, max: 50_000 }) }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(shape, sends, (link, pieces) => {
        const simulation = new Simulation(link, 2 * link.delayMs);
        const { flow, sink } = simulation.open();
        let sent = 0;
        for (const { waitMs, byteCount } of pieces) {
          simulation.run(simulation.nowMs + waitMs);
          simulation.send(flow, byteCount);
          sent += byteCount;
        }
        const sentMs = simulation.nowMs;
        simulation.run(sentMs + 400_000);
        expect(total(sink)).toBe(sent);
        const first = sink.arrivals[0]?.atMs ?? 0;
        const last = sink.arrivals.at(-1)?.atMs ?? 0;
        expect(last).toBeGreaterThanOrEqual(first);
        expect(last).toBeGreaterThanOrEqual(sent / link.bytesPerMs + link.delayMs - 1e-6);
      }),
      { seed: 6, numRuns: 100 },
    );
  });
});
