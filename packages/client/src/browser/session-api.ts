import type { Manifest } from '@d3/onnx';
import type { PlanReport } from '@d3/partition';
import type { LinkEstimate, TierProfile } from '@d3/profile';
import type { Sidecar } from '@d3/runtime';
import type { Outcome } from '@d3/runtime/web';
import type { ConnectOptions, InferInput, InferOptions, InferResult, Progress, SessionEvents } from '../session.ts';
import type { Goal } from '../session-core/plan-session.ts';

/** What the page's copy of a session shows. */
export interface SessionState {
  readonly report: PlanReport;
  readonly epoch: number;
  readonly profiles: readonly TierProfile[];
  readonly links: readonly LinkEstimate[];
}

/** What does not change while a session lives, and its first state. */
export interface Opened {
  readonly manifest: Manifest;
  readonly sidecar: Sidecar | undefined;
  readonly state: SessionState;
  /** The last of what was reported while connecting: reports come another way, and may come later. */
  readonly progress: Progress | undefined;
}

/** Options that can be cloned. */
export type WorkerConnectOptions = Omit<ConnectOptions, 'signal' | 'onProgress' | 'cache'>;

/**
 * What the session worker answers to. Requests have ids, chosen by the page: a signal cannot be cloned, so `cancel` is a
 * message. Inputs are copied, results transferred.
 */
export interface SessionApi {
  /** Connects; once in the worker's life. */
  open(options: WorkerConnectOptions): Promise<Outcome<Opened>>;
  infer(id: number, input: InferInput, options: Omit<InferOptions, 'signal'>): Promise<Outcome<InferResult>>;
  /** Aborts a request; its `infer` rejects. Nothing happens if there is none. */
  cancel(id: number): Promise<Outcome<void>>;
  replan(goal: Partial<Goal>): Promise<Outcome<SessionState>>;
  /** The page is shown again, or the network is back: looks at once whether the link still is. */
  wake(): Promise<Outcome<void>>;
  close(): Promise<Outcome<void>>;
}

/** First message to the worker. */
export interface SessionPorts {
  /** Comlink, for {@link SessionApi}. */
  readonly calls: MessagePort;
  /** Where {@link SessionMessage}s go. */
  readonly events: MessagePort;
}

/** What the worker says unasked. */
export type SessionMessage =
  | { readonly type: 'connecting'; readonly progress: Progress }
  | {
      readonly [E in keyof SessionEvents]: {
        readonly type: 'event';
        readonly event: E;
        readonly detail: SessionEvents[E];
        readonly state: SessionState;
      };
    }[keyof SessionEvents];
