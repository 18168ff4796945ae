import { describe, expect, it } from 'vitest';
import type { Host } from './host.ts';
import { edgeUnreachable } from './uplink.ts';

describe('edgeUnreachable()', () => {
  const failure = { edge: 'ws://10.0.0.2:7001/d3/link', problem: 'closed with 1006' };
  const hostWith = (state: string | undefined) =>
    ({ localNetworkPermission: () => Promise.resolve(state) }) as unknown as Host;

  it('names the address, the problem and the remedy', async () => {
    expect(await edgeUnreachable(hostWith(undefined), failure)).toMatchObject({
      code: 'CLIENT_EDGE_UNREACHABLE',
      message:
        'Cannot reach the edge at ws://10.0.0.2:7001/d3/link: closed with 1006. Check the address and that an edge listens there.',
    });
  });

  it('says what the browser tells of its permission to reach private addresses', async () => {
    expect(await edgeUnreachable(hostWith('denied'), failure)).toMatchObject({
      message: expect.stringContaining("(Local Network Access) is 'denied'"),
      details: { permissionState: 'denied' },
    });
  });
});
