/** What both entries share. */
export { clientErrorTable } from './errors.ts';
export type { PictureSource } from './picture-source.ts';
export type {
  ConnectOptions,
  InferInput,
  InferOptions,
  InferResult,
  Placement,
  Progress,
  Session,
  SessionEvents,
  StreamedFrame,
  StreamOptions,
} from './session.ts';
