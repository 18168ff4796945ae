import { type Tensor, type TensorMap, typedView } from '@d3/tensor';
import { type CSSResultGroup, css, html, LitElement, type PropertyDeclarations, type TemplateResult } from 'lit';
import { formatBytes } from './format.ts';
import { tokens } from './styles.ts';

/** More channels than this are not drawn; the caption says so. */
const MAXIMUM_CHANNELS = 64;

/**
 * `<d3-feature-maps>`: tensors that crossed a hop, drawn: one grey picture a channel, darkest to brightest value. It shows how
 * much of a picture an early activation still holds.
 */
export class FeatureMaps extends LitElement {
  static override properties: PropertyDeclarations = { tensors: { attribute: false } };
  /** Its look: the shared tokens and its own layout. */
  static override styles: CSSResultGroup = [
    tokens,
    css`
      figure {
        margin: 0 0 8px;
      }
      .grid {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(44px, 1fr));
        gap: 3px;
      }
      canvas {
        width: 100%;
        aspect-ratio: 1;
        image-rendering: pixelated;
        border-radius: 3px;
        background: #000;
      }
      figcaption {
        color: var(--_muted);
        font-size: 12px;
        margin-bottom: 4px;
        overflow-wrap: anywhere;
      }
    `,
  ];

  declare tensors: TensorMap;

  constructor() {
    super();
    this.tensors = {};
  }

  protected override render(): TemplateResult {
    return html`${Object.entries(this.tensors).map(([name, tensor]) => this.#figure(name, tensor))}`;
  }

  #figure(name: string, tensor: Tensor): TemplateResult {
    const maps = channelsOf(tensor);
    const hidden = maps ? maps.count - Math.min(maps.count, MAXIMUM_CHANNELS) : 0;
    return html`
      <figure>
        <figcaption>
          ${name}: ${tensor.shape.join(' × ')} ${tensor.type}, ${formatBytes(tensor.bytes.byteLength)}
          ${hidden > 0 ? `(${hidden} more channels)` : ''}
        </figcaption>
        ${maps ? html`<div class="grid">${paintChannels(maps)}</div>` : ''}
      </figure>
    `;
  }
}

/** Channels of a feature map, each `width × height` values. */
interface Channels {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  value(channel: number, pixel: number): number;
}

/** Reads N×C×H×W (float32) or H×W×C (uint8: a picture); anything else has no channels to show. */
function channelsOf(tensor: Tensor): Channels | undefined {
  if (tensor.type === 'float32' && tensor.shape.length === 4) {
    const [, count = 0, height = 0, width = 0] = tensor.shape;
    const values = typedView({ ...tensor, type: 'float32' });
    return { count, width, height, value: (channel, pixel) => values[channel * width * height + pixel] ?? 0 };
  }
  if (tensor.type === 'uint8' && tensor.shape.length === 3) {
    const [height = 0, width = 0, count = 0] = tensor.shape;
    const values = tensor.bytes;
    return { count, width, height, value: (channel, pixel) => values[pixel * count + channel] ?? 0 };
  }
  return undefined;
}

function paintChannels(maps: Channels): HTMLCanvasElement[] {
  const count = Math.min(maps.count, MAXIMUM_CHANNELS);
  return Array.from({ length: count }, (_, channel) => paintChannel(maps, channel));
}

function paintChannel(maps: Channels, channel: number): HTMLCanvasElement {
  const { width, height } = maps;
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  if (width === 0 || height === 0) return canvas;
  const [low, high] = rangeOf(maps, channel);
  const scale = high > low ? 255 / (high - low) : 0;
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const grey = (maps.value(channel, pixel) - low) * scale;
    image.data.set([grey, grey, grey, 255], pixel * 4);
  }
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  return canvas;
}

function rangeOf(maps: Channels, channel: number): [low: number, high: number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let pixel = 0; pixel < maps.width * maps.height; pixel++) {
    const value = maps.value(channel, pixel);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

if (!customElements.get('d3-feature-maps')) customElements.define('d3-feature-maps', FeatureMaps);

declare global {
  interface HTMLElementTagNameMap {
    'd3-feature-maps': FeatureMaps;
  }
}
