/**
 * The device tier: connect to an edge, plan, infer.
 *
 * @packageDocumentation
 */
export type {
  ConnectOptions,
  InferInput,
  InferOptions,
  InferResult,
  Placement,
  Progress,
  Session,
  SessionEvents,
} from './session.ts';
