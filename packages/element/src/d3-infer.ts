import { connect, type InferInput, type InferResult, type Progress, type Session } from '@d3/client';
import { isD3Error } from '@d3/errors';
import type { Picture, Strokes } from '@d3/runtime';
import { initialState, Task } from '@lit/task';
import {
  type CSSResultGroup,
  css,
  html,
  LitElement,
  nothing,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit';
import './answer-list.ts';
import './draw-pad.ts';
import './picture-input.ts';
import './split-view.ts';
import { type ConnectAttributes, parseConnectAttributes } from './connect-attributes.ts';
import { describeNews } from './describe-news.ts';
import { elementError } from './errors.ts';
import { formatBytes, formatMs } from './format.ts';
import { LatestOnly } from './latest-only.ts';
import { followSession, type SessionNews } from './session-news.ts';
import { tokens } from './styles.ts';

/** Detail of `d3-result`. */
export interface ResultDetail {
  readonly result: InferResult;
  readonly session: Session;
}

/**
 * `<d3-infer model="…" edge="wss://…">`: takes a picture or a drawing, runs the network split over the tiers, and shows the
 * answer, the split and the time per tier.
 *
 * Attributes: `model` (name at the edge, or URL of a packed model's folder), `edge`, `token`, `objective` (`latency` |
 * `throughput`), `keep-on-device` (layers), `pin` (`layer=tier, …`), `slowdown`, `backends`, `assets`, `inspect` (results carry
 * what crossed the first hop). Changing one connects anew.
 *
 * Events: `d3-ready` (detail: the {@link Session}), `d3-progress` ({@link Progress}), `d3-result` ({@link ResultDetail}),
 * `d3-error` (a D3Error, or whatever was thrown), `d3-news` ({@link SessionNews}: another plan went live or was considered, or a tier
 * was lost). They do not bubble. When a session ends by itself, `d3-error` has `ELEMENT_SESSION_ENDED`.
 *
 * Parts: `input`, `answer`, `split`, `status`, `news`, `error`.
 */
export class D3Infer extends LitElement {
  static override properties: PropertyDeclarations = {
    model: { reflect: true },
    edge: { reflect: true },
    token: {},
    objective: { reflect: true },
    keepOnDevice: { attribute: 'keep-on-device', reflect: true },
    pin: { reflect: true },
    slowdown: { reflect: true },
    backends: { reflect: true },
    assets: {},
    inspect: { type: Boolean, reflect: true },
    _progress: { state: true },
    _result: { state: true },
    _failure: { state: true },
    _news: { state: true },
  };

  /** Its look: the shared tokens and its own layout. */
  static override styles: CSSResultGroup = [
    tokens,
    css`
      .layout {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1.2fr);
        gap: 16px;
      }
      @container (max-width: 560px) {
        .layout {
          grid-template-columns: minmax(0, 1fr);
        }
      }
      :host {
        container-type: inline-size;
      }
      progress {
        width: 100%;
        accent-color: var(--_device);
      }
      .error {
        color: var(--_bad);
        overflow-wrap: anywhere;
      }
      .status,
      .news {
        color: var(--_muted);
        font-size: 12px;
        min-height: 1.5em;
      }
      .news {
        margin: 0;
        padding: 0;
        list-style: none;
        overflow-wrap: anywhere;
      }
      d3-split {
        margin-top: 16px;
      }
    `,
  ];

  declare model: string | null;
  declare edge: string | null;
  declare token: string | null;
  declare objective: string | null;
  declare keepOnDevice: string | null;
  declare pin: string | null;
  declare slowdown: string | null;
  declare backends: string | null;
  declare assets: string | null;
  declare inspect: boolean;
  declare _progress: Progress | undefined;
  declare _result: InferResult | undefined;
  declare _failure: unknown;
  declare _news: SessionNews | undefined;

  #unfollow: () => void = () => undefined;
  #session: Session | undefined;
  readonly #live: LatestOnly<InferInput> = new LatestOnly((input) => this.#runLive(input));

  readonly #connecting: Task<(string | null)[], Session> = new Task(this, {
    args: () => Object.values(this.#attributes()),
    task: (_, { signal }) => this.#connect(signal),
    // Leaving the page aborts what connects; that is no failure.
    onError: (error) => {
      if (this.isConnected) this.#fail(error);
    },
  });

  constructor() {
    super();
    this.model = null;
    this.edge = null;
    this.token = null;
    this.objective = null;
    this.keepOnDevice = null;
    this.pin = null;
    this.slowdown = null;
    this.backends = null;
    this.assets = null;
    this.inspect = false;
  }

  /** The live session; `undefined` before `d3-ready` and after an attribute changed. */
  get session(): Session | undefined {
    return this.#session;
  }

  /**
   * Runs the network once and shows the result as if the input had come from the user.
   *
   * @throws D3Error as `Session.infer()` does; `InvalidStateError` before the session is ready
   */
  async infer(input: InferInput): Promise<InferResult> {
    const session = this.#session;
    if (!session) throw new DOMException('<d3-infer> is not ready: wait for its d3-ready event', 'InvalidStateError');
    const result = await session.infer(input, { inspect: this.inspect });
    if (session === this.#session) this.#show(result, session);
    return result;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) void this.#connecting.run();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#connecting.abort();
    this.#drop();
  }

  protected override render(): TemplateResult {
    return html`
      <div class="layout">
        <div part="input">${this.#renderInput()}</div>
        <div>
          <div part="answer" aria-live="polite">
            <d3-answers .answers=${this._result?.answers ?? []}></d3-answers>
          </div>
          ${this.#renderState()}
        </div>
      </div>
      <d3-split
        part="split"
        .session=${this.#session}
        .result=${this._result}
        .epoch=${this._news?.epoch}
      ></d3-split>
    `;
  }

  #renderInput(): TemplateResult | typeof nothing {
    const input = this.#session?.sidecar?.inputs[0];
    if (!this.#session) return nothing;
    switch (input?.kind) {
      case 'sketch':
        return html`<d3-draw-pad
          @d3-draw=${(event: CustomEvent<{ strokes: Strokes }>) => this.#drawn(event.detail.strokes)}
        ></d3-draw-pad>`;
      case 'image':
        return html`<d3-picture
          @d3-picture=${(event: CustomEvent<Picture>) => this.#live.push({ kind: 'picture', picture: event.detail })}
          @d3-picture-error=${(event: CustomEvent<unknown>) => this.#fail(event.detail)}
        ></d3-picture>`;
      default:
        return html`<p class="status">
          This model says nothing of pictures (no .d3.json beside it): call infer() with tensors from a script.
        </p>`;
    }
  }

  #renderState(): TemplateResult {
    return html`
      ${
        this._failure === undefined
          ? nothing
          : html`<p class="error" part="error" role="alert">${textOf(this._failure)}</p>`
      }
      <div class="status" part="status">${this.#renderStatus()}</div>
      <ul class="news" part="news" aria-live="polite">
        ${describeNews(this._news ?? { epoch: 0 }).map((line) => html`<li>${line}</li>`)}
      </ul>
    `;
  }

  #renderStatus(): TemplateResult | typeof nothing {
    if (this.#session) {
      return this._result ? html`${formatMs(this._result.totalMs)} in all, epoch ${this._result.epoch}` : html`Ready.`;
    }
    const progress = this._progress;
    if (!progress || this._failure !== undefined) return nothing;
    const bytes =
      progress.totalBytes > 0 ? `${formatBytes(progress.loadedBytes)} of ${formatBytes(progress.totalBytes)}` : '';
    return html`<progress max="1" .value=${progress.fraction} aria-label="Getting ready"></progress>
      ${progress.phase} ${bytes}`;
  }

  #attributes(): ConnectAttributes {
    const { model, edge, token, objective, keepOnDevice, pin, slowdown, backends, assets } = this;
    return { model, edge, token, objective, keepOnDevice, pin, slowdown, backends, assets };
  }

  async #connect(signal: AbortSignal): Promise<Session | typeof initialState> {
    this.#drop();
    const options = parseConnectAttributes(this.#attributes());
    if (!options) return initialState;
    const session = await connect({ ...options, signal, onProgress: (progress) => this.#progress(progress, signal) });
    if (signal.aborted) {
      await session.close();
      signal.throwIfAborted();
    }
    this.#follow(session);
    this.dispatchEvent(new CustomEvent('d3-ready', { detail: session }));
    return session;
  }

  #follow(session: Session): void {
    this.#session = session;
    const { news, stop } = followSession(session, {
      onNews: (latest) => {
        this._news = latest;
        this.dispatchEvent(new CustomEvent('d3-news', { detail: latest }));
      },
      onClosed: (reason) => {
        this.#drop();
        this.#fail(elementError('ELEMENT_SESSION_ENDED', { reason }));
      },
    });
    this._news = news;
    this.#unfollow = stop;
  }

  #progress(progress: Progress, signal: AbortSignal): void {
    if (signal.aborted) return;
    this._progress = progress;
    this.dispatchEvent(new CustomEvent('d3-progress', { detail: progress }));
  }

  /** Forgets the session and all that was shown of it. */
  #drop(): void {
    const session = this.#session;
    this.#unfollow();
    this.#session = undefined;
    this._news = undefined;
    this._result = undefined;
    this._failure = undefined;
    this._progress = undefined;
    this.#live.clear();
    if (session) void session.close();
  }

  #drawn(strokes: Strokes): void {
    if (strokes.strokes.length > 0) {
      this.#live.push({ kind: 'strokes', strokes });
      return;
    }
    this.#live.clear();
    this._result = undefined;
  }

  async #runLive(input: InferInput): Promise<void> {
    const session = this.#session;
    try {
      await this.infer(input);
    } catch (error) {
      // A request that ended with its session says nothing about the next one.
      if (session && session === this.#session) this.#fail(error);
    }
  }

  #show(result: InferResult, session: Session): void {
    this._failure = undefined;
    this._result = result;
    const detail: ResultDetail = { result, session };
    this.dispatchEvent(new CustomEvent('d3-result', { detail }));
  }

  #fail(error: unknown): void {
    this._failure = error;
    this.dispatchEvent(new CustomEvent('d3-error', { detail: error }));
  }
}

function textOf(error: unknown): string {
  if (isD3Error(error)) return `${error.message} [${error.code}]`;
  return error instanceof Error ? error.message : String(error);
}

if (!customElements.get('d3-infer')) customElements.define('d3-infer', D3Infer);

declare global {
  interface HTMLElementTagNameMap {
    'd3-infer': D3Infer;
  }
}
