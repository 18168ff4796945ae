import { dashboardError } from './errors.ts';

/** One edge with its cloud behind it, as `npm start` brought them up. */
export interface DemoFabric {
  /** Address of the edge's link. */
  readonly edge: string;
  /** Factor by which each tier is really slowed; 1 is real speed. */
  readonly slowdown: Readonly<Record<'device' | 'edge' | 'cloud', number>>;
}

/** What `npm start` tells the page. */
export interface DemoConfig {
  readonly plain: DemoFabric;
  /** The pair that the stream scenario uses: one machine plays all three tiers, so they are slowed apart. */
  readonly slowed: DemoFabric;
}

/** A model that an edge offers. */
export interface OfferedModel {
  readonly name: string;
  readonly hash: string;
}

/** The part of a manifest that scenarios are made from. */
export interface LayerList {
  readonly layers: readonly { readonly name: string; readonly kind: string; readonly flops: number }[];
}

/** Reads `/d3-demo.json`, which the demo's own server makes. */
export function loadConfig(): Promise<DemoConfig> {
  return fetchJson<DemoConfig>('the demo configuration', new URL('/d3-demo.json', location.href));
}

/** Models at the edge, by name. */
export async function loadModels(fabric: DemoFabric): Promise<readonly OfferedModel[]> {
  const body = await fetchJson<{ models: readonly OfferedModel[] }>('the models', httpOf(fabric, '/d3/models'));
  return [...body.models].sort((a, b) => a.name.localeCompare(b.name));
}

/** The layers of a model. */
export function loadLayers(fabric: DemoFabric, model: OfferedModel): Promise<LayerList> {
  return fetchJson<LayerList>('the manifest', httpOf(fabric, `/d3/models/${model.hash}/manifest.json`));
}

function httpOf(fabric: DemoFabric, path: string): URL {
  const url = new URL(path, fabric.edge);
  url.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
  return url;
}

async function fetchJson<T>(what: string, url: URL): Promise<T> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return (await response.json()) as T;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw dashboardError('DASHBOARD_FETCH', { what, url: url.href, reason }, { cause });
  }
}
