// The session worker: socket, planner, timers. Everything that computes is in the compute worker that the backend starts.
import { outcomeOf } from '@d3/runtime/web';
import { expose } from 'comlink';
import type { InferResult, SessionEvents } from '../session.ts';
import { connectSession } from '../session-core/connect-session.ts';
import type { CoreSession } from '../session-core/core-session.ts';
import { browserHost } from './browser-host.ts';
import type { SessionApi, SessionMessage, SessionPorts, SessionState } from './session-api.ts';

const EVENTS = [
  'plan',
  'model',
  'considered',
  'progress',
  'status',
  'lost',
  'closed',
] as const satisfies (keyof SessionEvents)[];

globalThis.addEventListener(
  'message',
  ({ data }: MessageEvent<SessionPorts>) => {
    expose(sessionApi(data.events), data.calls);
  },
  { once: true },
);

function sessionApi(events: MessagePort): SessionApi {
  const running = new Map<number, AbortController>();
  let session: CoreSession | undefined;
  const live = (): CoreSession => {
    if (session === undefined) throw new TypeError('The session worker is not open');
    return session;
  };
  const say = (message: SessionMessage) => events.postMessage(message);
  return {
    open: (options) =>
      outcomeOf(async () => {
        let last: SessionEvents['progress'] | undefined;
        const onProgress = (progress: SessionEvents['progress']) => {
          last = progress;
          say({ type: 'connecting', progress });
        };
        session = await connectSession(browserHost(), { ...options, onProgress });
        forwardEvents(session, say);
        const { manifest, sidecar } = session;
        return { manifest, sidecar, state: stateOf(session), progress: last };
      }),
    infer: (id, input, options) =>
      outcomeOf(async () => {
        const controller = new AbortController();
        running.set(id, controller);
        try {
          return await live().infer(input, { ...options, signal: controller.signal });
        } finally {
          running.delete(id);
        }
      }, buffersOf),
    cancel: (id) => outcomeOf(() => running.get(id)?.abort()),
    replan: (goal) =>
      outcomeOf(async () => {
        await live().replan(goal);
        return stateOf(live());
      }),
    wake: () => outcomeOf(() => session?.wake()),
    close: () => outcomeOf(() => session?.close()),
  };
}

function forwardEvents(session: CoreSession, say: (message: SessionMessage) => void): void {
  for (const event of EVENTS) {
    session.on(event, (detail) => say({ type: 'event', event, detail, state: stateOf(session) } as SessionMessage));
  }
}

function stateOf({ report, epoch, profiles, links }: CoreSession): SessionState {
  return { report, epoch, profiles, links };
}

/** Memory of a result, each buffer once, to be transferred. */
function buffersOf({ outputs, crossed, answers }: InferResult): Transferable[] {
  const tensors = [...Object.values(outputs), ...Object.values(crossed ?? {})];
  const pictures = answers.flatMap((answer) => (answer.kind === 'image' ? [answer.picture.rgba] : []));
  return [...new Set([...tensors.map((tensor) => tensor.bytes.buffer), ...pictures.map((rgba) => rgba.buffer)])];
}
