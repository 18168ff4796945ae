import type { Answer, Picture } from '@d3/runtime';
import {
  type CSSResultGroup,
  css,
  html,
  LitElement,
  nothing,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit';
import { tokens } from './styles.ts';

/** `<d3-answers>`: the outputs of a network as its sidecar reads them: labels with scores, a picture, or a shape. */
export class AnswerList extends LitElement {
  static override properties: PropertyDeclarations = { answers: { attribute: false } };
  /** Its look: the shared tokens and its own layout. */
  static override styles: CSSResultGroup = [
    tokens,
    css`
      ol {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      li {
        display: grid;
        grid-template-columns: minmax(6em, 1fr) 2fr 4em;
        gap: 8px;
        align-items: center;
        padding: 2px 0;
      }
      li:first-child .label {
        font-weight: 650;
      }
      .label {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .bar {
        height: 8px;
        border-radius: 4px;
        background: var(--_line);
      }
      .bar i {
        display: block;
        height: 100%;
        border-radius: 4px;
        background: var(--_device);
      }
      .score {
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      .unsure {
        color: var(--_muted);
        margin: 0 0 4px;
      }
      canvas {
        max-width: 100%;
        border-radius: 8px;
      }
    `,
  ];

  declare answers: readonly Answer[];

  constructor() {
    super();
    this.answers = [];
  }

  protected override render(): TemplateResult {
    return html`${this.answers.map((answer) => this.#answer(answer))}`;
  }

  #answer(answer: Answer): TemplateResult {
    switch (answer.kind) {
      case 'classes':
        return this.#classes(answer);
      case 'image':
        return html`${canvasOf(answer.picture)}`;
      case 'tensor':
        return html`<p>${answer.output}: ${answer.shape.join(' × ')}</p>`;
    }
  }

  #classes(answer: Answer & { kind: 'classes' }): TemplateResult {
    return html`
      ${answer.unsure ? html`<p class="unsure">Not sure yet; nearest:</p>` : nothing}
      <ol part="classes">
        ${answer.top.map(
          ({ label, score }) => html`
            <li>
              <span class="label" title=${label}>${label}</span>
              <span class="bar" aria-hidden="true"><i style="width:${(score * 100).toFixed(1)}%"></i></span>
              <span class="score">${(score * 100).toFixed(1)} %</span>
            </li>
          `,
        )}
      </ol>
    `;
  }
}

function canvasOf(picture: Picture): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = picture.width;
  canvas.height = picture.height;
  const pixels = new ImageData(new Uint8ClampedArray(picture.rgba), picture.width, picture.height);
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  return canvas;
}

if (!customElements.get('d3-answers')) customElements.define('d3-answers', AnswerList);

declare global {
  interface HTMLElementTagNameMap {
    'd3-answers': AnswerList;
  }
}
