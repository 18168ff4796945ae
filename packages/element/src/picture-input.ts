import { pictureOf } from '@d3/client';
import type { Picture } from '@d3/runtime';
import { type CSSResultGroup, css, html, LitElement, type PropertyDeclarations, type TemplateResult } from 'lit';
import { tokens } from './styles.ts';

/**
 * `<d3-picture>`: choose, drop or paste a picture. It is decoded here and never leaves the page by this element's doing.
 *
 * Fires `d3-picture` (`detail: Picture`), or `d3-picture-error` (`detail`: the D3Error) when a file is no picture.
 */
export class PictureInput extends LitElement {
  static override properties: PropertyDeclarations = { _preview: { state: true }, _hover: { state: true } };
  /** Its look: the shared tokens and its own layout. */
  static override styles: CSSResultGroup = [
    tokens,
    css`
      label {
        display: grid;
        place-items: center;
        min-height: 160px;
        border: 2px dashed var(--_line);
        border-radius: 8px;
        cursor: pointer;
        overflow: hidden;
        text-align: center;
        color: var(--_muted);
      }
      label:focus-within,
      .hover {
        border-color: var(--_device);
      }
      img {
        max-width: 100%;
        max-height: 320px;
        display: block;
      }
      input {
        position: absolute;
        opacity: 0;
        pointer-events: none;
      }
    `,
  ];

  declare _preview: string | undefined;
  declare _hover: boolean;

  constructor() {
    super();
    this._hover = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#showPreview(undefined);
  }

  /** Decodes `source` and fires `d3-picture`, as if the user had chosen it. */
  async choose(source: Blob): Promise<void> {
    try {
      const picture: Picture = await pictureOf(source);
      this.#showPreview(source);
      this.dispatchEvent(new CustomEvent('d3-picture', { detail: picture }));
    } catch (error) {
      this.dispatchEvent(new CustomEvent('d3-picture-error', { detail: error }));
    }
  }

  protected override render(): TemplateResult {
    return html`
      <label
        part="drop"
        class=${this._hover ? 'hover' : ''}
        @dragover=${this.#over}
        @dragleave=${() => {
          this._hover = false;
        }}
        @drop=${this.#drop}
      >
        <input type="file" accept="image/*" @change=${this.#pick} aria-label="Choose a picture" />
        ${this._preview ? html`<img src=${this._preview} alt="The chosen picture" />` : 'Choose a picture, or drop one here'}
      </label>
    `;
  }

  #showPreview(source: Blob | undefined): void {
    if (this._preview) URL.revokeObjectURL(this._preview);
    this._preview = source ? URL.createObjectURL(source) : undefined;
  }

  readonly #over = (event: DragEvent): void => {
    event.preventDefault();
    this._hover = true;
  };

  readonly #drop = (event: DragEvent): void => {
    event.preventDefault();
    this._hover = false;
    const file = event.dataTransfer?.files[0];
    if (file) void this.choose(file);
  };

  readonly #pick = (event: Event): void => {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (file) void this.choose(file);
  };
}

if (!customElements.get('d3-picture')) customElements.define('d3-picture', PictureInput);

declare global {
  interface HTMLElementTagNameMap {
    'd3-picture': PictureInput;
  }
}
