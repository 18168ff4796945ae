import type { TierProfile } from '@d3/profile';
import { clientError } from '../errors.ts';
import type { ConnectOptions, Fallback } from '../session.ts';
import { CoreSession } from './core-session.ts';
import { Device, networkCosts } from './device.ts';
import { type EdgeAddress, parseEdgeAddress } from './edge-address.ts';
import type { EdgeConnections, TierAddress } from './edge-keeper.ts';
import type { Host } from './host.ts';
import { isHash, type LoadedModel, loadModel } from './load-model.ts';
import { parseGoal } from './parse-goal.ts';
import type { Goal } from './plan-session.ts';
import { ProgressBar } from './progress-bar.ts';
import { AGENT, edgeUnreachable, Uplink } from './uplink.ts';
import type { ModelVersions } from './version-follower.ts';

const FALLBACKS: readonly Fallback[] = ['any', 'device', 'cloud', 'fail'];

/** Options that have been checked. */
interface Checked {
  readonly options: ConnectOptions;
  readonly address: EdgeAddress | undefined;
  readonly goal: Goal;
}

/**
 * Connects: reads the model and measures the device side by side, greets the edge, measures the link, plans, and prepares the
 * plan on every tier.
 *
 * @throws D3Error as listed in docs/errors.md; the signal's reason when aborted. Nothing is left running then.
 */
export async function connectSession(host: Host, options: ConnectOptions): Promise<CoreSession> {
  const { signal } = options;
  signal?.throwIfAborted();
  const checked = checkOptions(host, options);
  const bar = new ProgressBar((progress) => options.onProgress?.(progress));
  bar.enter('connect');
  const { model, device } = await openModelAndDevice(host, checked, bar);
  let uplink: Uplink | undefined;
  let session: CoreSession | undefined;
  try {
    await device.use(networkCosts(model.manifest));
    uplink = checked.address && (await openUplink(host, checked, { device, address: checked.address, signal }));
    const { edge, fallback = 'any', standby = true } = options;
    const connections = connectionsOf(host, checked, { model, device });
    session = new CoreSession({
      ...{ host, model, device, goal: checked.goal, edge, fallback, standby, connections, uplink },
      versions: versionsOf(host, checked),
    });
    await session.start(bar, { ready: options.ready ?? 'any', signal });
    return session;
  } catch (error) {
    uplink?.client.close();
    await (session ?? { close: () => device.dispose() }).close();
    throw error;
  }
}

function checkOptions(host: Host, options: ConnectOptions): Checked {
  const { model, edge, slowdown = 1 } = options;
  const refuse = (option: string, value: unknown, remedy: string) =>
    clientError('CLIENT_OPTION_INVALID', { option, value: JSON.stringify(value) ?? 'undefined', remedy });
  if (typeof model !== 'string' || model === '') throw refuse('model', model, 'give a name, a hash or a URL');
  if (!(Number.isFinite(slowdown) && slowdown >= 1)) throw refuse('slowdown', slowdown, 'give a factor of at least 1');
  const { fallback = 'any' } = options;
  const { ready = 'any' } = options;
  if (ready !== 'any' && ready !== 'planned') throw refuse('ready', ready, "use 'any' or 'planned'");
  if (!FALLBACKS.includes(fallback)) throw refuse('fallback', fallback, `choose from ${FALLBACKS.join(', ')}`);
  for (const name of options.backends ?? []) {
    if (!host.backends.includes(name)) throw refuse('backends', name, `choose from ${host.backends.join(', ')}`);
  }
  const goal = { objective: 'latency', constraints: {}, ...parseGoal(options) } as const;
  return { options, goal, address: edge === undefined ? undefined : parseEdgeAddress(edge, host.securePage) };
}

/** Side by side; if one fails, the other is ended too. */
async function openModelAndDevice(
  host: Host,
  { options, address }: Checked,
  bar: ProgressBar,
): Promise<{ model: LoadedModel; device: Device }> {
  const { signal, slowdown = 1, backends, assets } = options;
  const failed = new AbortController();
  const stop = () => failed.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  const loading = loadFromEdge(host, { options, address }, failed.signal);
  const measuring = Device.measure(
    host,
    {
      ...{ slowdown, onProgress: (share) => bar.addCalibrated(share) },
      ...(backends && { backends }),
      ...(assets !== undefined && { assets }),
    },
    failed.signal,
  );
  loading.then(() => bar.enter('calibrate')).catch((error: unknown) => failed.abort(error));
  measuring.catch((error: unknown) => failed.abort(error));
  const [model, device] = await Promise.allSettled([loading, measuring]);
  signal?.removeEventListener('abort', stop);
  if (model.status === 'fulfilled' && device.status === 'fulfilled') {
    return { model: model.value, device: device.value };
  }
  if (device.status === 'fulfilled') await device.value.dispose();
  throw failed.signal.reason;
}

/** A server that cannot be reached at all is an unreachable edge, not an unreadable model. */
async function loadFromEdge(
  host: Host,
  { options, address }: Omit<Checked, 'goal'>,
  signal: AbortSignal,
): Promise<LoadedModel> {
  const { model, token } = options;
  try {
    return await loadModel(host, { model, edge: address, token, signal });
  } catch (error) {
    const unreachable = address !== undefined && (error as Error).cause instanceof TypeError;
    if (!unreachable) throw error;
    const { problem } = (error as { details?: { problem?: unknown } }).details ?? {};
    throw await edgeUnreachable(host, { edge: address.link, problem: String(problem), cause: error });
  }
}

/** A model that is asked for by its name may be replaced at the edge. */
function versionsOf(host: Host, { options, address }: Checked): ModelVersions | undefined {
  const { model, token } = options;
  if (address === undefined || isHash(model)) return undefined;
  return { name: model, load: (signal) => loadModel(host, { model, edge: address, token, signal }) };
}

/** How the session gets its later links. */
function connectionsOf(
  host: Host,
  checked: Checked,
  { model, device }: { model: LoadedModel; device: Device },
): EdgeConnections {
  const { address, options } = checked;
  const connect = (signal: AbortSignal) => {
    if (address === undefined) throw new Error('This session has no edge');
    return openUplink(host, checked, { device, address, signal });
  };
  const { fallback = 'any' } = options;
  if (fallback !== 'any' && fallback !== 'cloud') return { connect };
  const connectPast = async ({ tier, url }: TierAddress, signal: AbortSignal) => {
    const past = parseEdgeAddress(url, host.securePage);
    const uplink = await openUplink(host, checked, { device, address: past, signal, hop: `device-${tier}` });
    model.store.addMirror(new URL(`${model.manifest.hash}/`, past.models).href);
    return uplink;
  };
  return { connect, connectPast };
}

async function openUplink(
  host: Host,
  { options }: Checked,
  to: { device: Device; address: EdgeAddress; signal: AbortSignal | undefined; hop?: string },
): Promise<Uplink> {
  const { device, address, signal, hop } = to;
  const profile: TierProfile = device.profile;
  const hello = {
    protocol: 1,
    tier: 'device',
    agent: AGENT,
    profile,
    numericClass: device.backend.numericClass,
    ...(options.token !== undefined && { token: options.token }),
  } as const;
  return await Uplink.open(host, { address, hello, signal, ...(hop !== undefined && { hop }) });
}
