/** A worker that is the network and what lies behind it: a {@link LinkPeer} behind a shaping proxy, on a core of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { type LinkShape, startShapingProxy } from '@d3/testkit';
import { LinkPeer } from './link-peer.ts';

const shape = workerData as LinkShape;
const peer = await LinkPeer.start((wholeMs) => parentPort?.postMessage({ wholeMs: performance.timeOrigin + wholeMs }));
const proxy = await startShapingProxy({ target: { host: '127.0.0.1', port: peer.port }, up: shape, down: shape });
parentPort?.postMessage({ url: proxy.wsUrl });
