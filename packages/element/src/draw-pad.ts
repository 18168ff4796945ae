import type { Strokes } from '@d3/runtime';
import { type CSSResultGroup, css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import { tokens } from './styles.ts';

type Point = readonly [x: number, y: number];

/** Nearer points than this share of the page are dropped: a mouse reports more than a drawing needs. */
const MINIMUM_STEP = 0.004;
/** A drawing longer than this is cut: the pad stays responsive whatever the pointer does. */
const MAXIMUM_POINTS = 20_000;
const PAGE_PIXELS = 512;
const PEN_PIXELS = 14;

/**
 * `<d3-draw-pad>`: a page to draw on with pointer, pen or finger.
 *
 * Fires `d3-draw` (`detail: {strokes, done}`) while a stroke grows and, with `done`, when it ends or the page changes otherwise.
 */
export class DrawPad extends LitElement {
  /** Its look: the shared tokens and its own layout. */
  static override styles: CSSResultGroup = [
    tokens,
    css`
      canvas {
        display: block;
        width: 100%;
        aspect-ratio: 1;
        background: #000;
        border-radius: 8px;
        touch-action: none;
        cursor: crosshair;
      }
      div {
        display: flex;
        gap: 8px;
        margin-top: 8px;
      }
    `,
  ];

  #strokes: (readonly Point[])[] = [];
  #growing: Point[] | undefined;

  /** The drawing so far, the stroke under way included; a copy. */
  get strokes(): Strokes {
    const all = this.#growing ? [...this.#strokes, this.#growing] : this.#strokes;
    return { strokes: all.map((stroke) => [...stroke]) };
  }

  /** Replaces the drawing. Fires `d3-draw`. */
  set strokes(value: Strokes) {
    this.#growing = undefined;
    this.#strokes = value.strokes.map((stroke) => stroke.map(([x, y]): Point => [x, y]));
    this.#changed(true);
  }

  /** Removes everything. Fires `d3-draw`. */
  clear(): void {
    this.strokes = { strokes: [] };
  }

  /** Removes the last stroke. Fires `d3-draw`. */
  undo(): void {
    this.strokes = { strokes: this.#strokes.slice(0, -1) };
  }

  protected override render(): TemplateResult {
    return html`
      <canvas
        part="page"
        width=${PAGE_PIXELS}
        height=${PAGE_PIXELS}
        tabindex="0"
        role="img"
        aria-label="Drawing page: draw with pointer, pen or finger"
        @pointerdown=${this.#begin}
        @pointermove=${this.#extend}
        @pointerup=${this.#end}
        @pointercancel=${this.#end}
      ></canvas>
      <div>
        <button type="button" part="undo" @click=${() => this.undo()}>Undo</button>
        <button type="button" part="clear" @click=${() => this.clear()}>Clear</button>
      </div>
    `;
  }

  protected override firstUpdated(changed: PropertyValues): void {
    super.firstUpdated(changed);
    this.#paint();
  }

  get #canvas(): HTMLCanvasElement | null {
    return this.renderRoot.querySelector('canvas');
  }

  readonly #begin = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.#canvas?.setPointerCapture(event.pointerId);
    this.#growing = [this.#pointOf(event)];
    this.#changed(false);
  };

  readonly #extend = (event: PointerEvent): void => {
    if (!this.#growing) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length > 0 ? moves : [event]) this.#addPoint(this.#pointOf(move));
    this.#changed(false);
  };

  readonly #end = (): void => {
    if (!this.#growing) return;
    this.#strokes = [...this.#strokes, this.#growing];
    this.#growing = undefined;
    this.#changed(true);
  };

  #addPoint(point: Point): void {
    const last = this.#growing?.at(-1);
    if (!last || Math.hypot(point[0] - last[0], point[1] - last[1]) < MINIMUM_STEP) return;
    const points = this.#strokes.reduce((sum, stroke) => sum + stroke.length, 0) + (this.#growing?.length ?? 0);
    if (points < MAXIMUM_POINTS) this.#growing?.push(point);
  }

  #pointOf(event: PointerEvent): Point {
    const box = this.#canvas?.getBoundingClientRect();
    if (!box || box.width === 0 || box.height === 0) return [0, 0];
    const clamp = (value: number) => Math.min(1, Math.max(0, value));
    return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
  }

  #changed(done: boolean): void {
    this.#paint();
    this.dispatchEvent(new CustomEvent('d3-draw', { detail: { strokes: this.strokes, done } }));
  }

  #paint(): void {
    const context = this.#canvas?.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, PAGE_PIXELS, PAGE_PIXELS);
    context.lineWidth = PEN_PIXELS;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.strokeStyle = '#fff';
    for (const stroke of this.strokes.strokes) {
      context.beginPath();
      const [first] = stroke;
      if (first) context.moveTo(first[0] * PAGE_PIXELS, first[1] * PAGE_PIXELS);
      for (const [x, y] of stroke) context.lineTo(x * PAGE_PIXELS, y * PAGE_PIXELS);
      context.stroke();
    }
  }
}

if (!customElements.get('d3-draw-pad')) customElements.define('d3-draw-pad', DrawPad);

declare global {
  interface HTMLElementTagNameMap {
    'd3-draw-pad': DrawPad;
  }
}
