import { prepareGraph } from '@d3/partition';
import { networks } from '@d3/zoo';
import { describe, expect, it } from 'vitest';
import { type AdaptiveResult, AdaptiveRun } from './adaptive-run.ts';
import { type LinkHistory, madeHistory } from './link-history.ts';
import { cellProblem } from './network-costs.ts';
import { LinkTimeline } from './simulated-link.ts';

const { graph } = networks.resnet18();

/** ResNet-18 with a device slowed four times: the edge and the device take as long at about 4.4 Mbit/s. */
function play(history: LinkHistory): AdaptiveResult {
  const problem = cellProblem(graph, { slowdown: 4, keep: false });
  const timeline = new LinkTimeline(history);
  return new AdaptiveRun({ problem, graph: prepareGraph(problem), timeline, forMs: history.lengthMs }).run();
}

describe('AdaptiveRun', () => {
  it('run() leaves a link that falls to a quarter within 2 s', () => {
    const { switches } = play(
      madeHistory('down', [
        { seconds: 30, mbps: 12 },
        { seconds: 30, mbps: 3 },
      ]),
    );
    expect(switches.at(0)?.plan.upBytes).toBe(0);
    expect(switches.at(0)?.atMs).toBeGreaterThan(30_000);
    expect(switches.at(0)?.atMs).toBeLessThan(32_000);
  });

  it('run() goes back to a link that rises fourfold within 10 s', () => {
    const { switches } = play(
      madeHistory('up', [
        { seconds: 30, mbps: 3 },
        { seconds: 30, mbps: 12 },
      ]),
    );
    expect(switches.at(0)?.plan.upBytes).toBeGreaterThan(0);
    expect(switches.at(0)?.atMs).toBeGreaterThan(30_000);
    expect(switches.at(0)?.atMs).toBeLessThan(40_000);
  });

  it('run() switches at most once per dwell time on a sawtooth around a break-even point', () => {
    const teeth = [3, 4, 5, 6, 7, 6, 5, 4].map((mbps) => ({ seconds: 0.7, mbps }));
    const { switches } = play(madeHistory('sawtooth', Array.from({ length: 20 }, () => teeth).flat()));
    const gaps = switches.slice(1).map(({ atMs }, index) => atMs - (switches[index]?.atMs ?? 0));
    expect(Math.min(5000, ...gaps)).toBe(5000);
  });

  it('run() goes on without the link through an outage', () => {
    const { switches, requests } = play(
      madeHistory('outage', [
        { seconds: 20, mbps: 20 },
        { seconds: 20, mbps: 0 },
        { seconds: 20, mbps: 20 },
      ]),
    );
    expect(switches.map(({ plan }) => plan.upBytes > 0)).toEqual([false, true]);
    expect(requests).toBeGreaterThan(200);
  });
});
