/**
 * Runs segments in a browser: onnxruntime-web in a disposable compute worker.
 *
 * @packageDocumentation
 */
export type { AdapterInfo, WebBackendName } from './compute-api.ts';
export { type ComputeOptions, type ComputeWorker, startComputeWorker } from './compute-link.ts';
export { type DetectedBackend, detectBackends } from './detect-backends.ts';
export { createShapeInference } from './infer-shapes.ts';
export { startWorker, type WorkerConstructor } from './start-worker.ts';
export { createWebBackend, type WebBackend, type WebBackendOptions } from './web-backend.ts';
export { type Outcome, outcomeOf, WorkerCalls } from './worker-calls.ts';
