import type { InferInput, InferResult, Session } from '@d3/client';
import { type D3Infer, formatMs, type ResultDetail, type SessionNews } from '@d3/element';
import { isD3Error } from '@d3/errors';
import type { Strokes } from '@d3/runtime';
import type { Tensor } from '@d3/tensor';
import sketchSamples from '@d3/zoo/sketch-resnet/samples.json' with { type: 'json' };
import { type CSSResultGroup, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import './plan-table.ts';
import { dashboardStyles } from './dashboard-styles.ts';
import {
  type DemoConfig,
  type LayerList,
  loadConfig,
  loadLayers,
  loadModels,
  type OfferedModel,
} from './demo-config.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { measureStream, type StreamRate } from './stream-meter.ts';

const DEFAULT_MODEL = 'sketch-resnet';
const STREAM = { durationMs: 5000, inFlight: 8 };

/** What is chosen. */
interface Choice {
  readonly scenario: Scenario;
  readonly model: OfferedModel;
  /** Absent until they have been read. */
  readonly layers?: LayerList;
}

/** `<d3-dashboard>`: the demo: choose a scenario and a model, draw or give a picture, watch the split. */
export class Dashboard extends LitElement {
  static override properties: PropertyDeclarations = {
    _models: { state: true },
    _choice: { state: true },
    _session: { state: true },
    _result: { state: true },
    _stream: { state: true },
    _failure: { state: true },
    _news: { state: true },
  };
  /** Its look: the shared tokens and its own layout. */
  static override styles: CSSResultGroup = dashboardStyles;

  declare _models: readonly OfferedModel[];
  declare _choice: Choice | undefined;
  declare _session: Session | undefined;
  declare _result: InferResult | undefined;
  declare _stream: StreamRate | 'running' | undefined;
  declare _failure: string | undefined;
  declare _news: SessionNews | undefined;

  #config: DemoConfig | undefined;
  #streaming: AbortController | undefined;

  constructor() {
    super();
    this._models = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#guard(async () => {
      this.#config = await loadConfig();
      this._models = await loadModels(this.#config.plain);
      const model = this._models.find(({ name }) => name === DEFAULT_MODEL) ?? this._models[0];
      const [scenario] = SCENARIOS;
      if (model && scenario) await this.#choose(scenario, model);
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#streaming?.abort();
  }

  protected override render(): TemplateResult {
    return html`
      <header>
        <h1>D3</h1>
        <p>One network over your browser, an edge server and the cloud, with the same answer.</p>
      </header>
      <main>
        ${this.#renderChoosers()}
        ${this._failure ? html`<p class="failure" role="alert">${this._failure}</p>` : nothing}
        <div class="columns">
          <section aria-label="Inference">${this.#renderInference()}</section>
          <section aria-label="Plan">
            <h2>Why this split</h2>
            <d3-plan-table .session=${this._session} .news=${this._news}></d3-plan-table>
            ${this.#renderStream()} ${this.#renderCrossed()}
          </section>
        </div>
      </main>
    `;
  }

  #renderChoosers(): TemplateResult {
    const choice = this._choice;
    return html`
      <div class="choosers">
        <div role="radiogroup" aria-label="Scenario" class="scenarios">
          ${SCENARIOS.map(
            (scenario) => html`<button
              type="button"
              role="radio"
              data-scenario=${scenario.id}
              aria-checked=${scenario === choice?.scenario}
              @click=${() => choice && this.#guard(() => this.#choose(scenario, choice.model))}
            >
              ${scenario.title}
            </button>`,
          )}
        </div>
        <label
          >Model
          <select @change=${this.#pickModel}>
            ${this._models.map(({ name }) => html`<option ?selected=${name === choice?.model.name}>${name}</option>`)}
          </select>
        </label>
      </div>
      ${choice ? this.#renderConditions(choice) : nothing}
    `;
  }

  #renderConditions({ scenario, layers }: Choice): TemplateResult {
    const fabric = this.#config && scenario.fabric(this.#config);
    return html`
      <p class="what">${scenario.what}</p>
      <ul class="conditions" aria-label="Objective, constraints and emulation">
        ${fabric && layers ? scenario.conditions(fabric, layers).map((line) => html`<li>${line}</li>`) : nothing}
      </ul>
    `;
  }

  #renderInference(): TemplateResult | typeof nothing {
    const choice = this._choice;
    if (!choice?.layers || !this.#config) return nothing;
    const attributes = choice.scenario.attributes(choice.scenario.fabric(this.#config), choice.layers);
    return html`
      <d3-infer
        inspect
        assets="/ort/"
        .model=${choice.model.name}
        .edge=${attributes.edge}
        .objective=${attributes.objective}
        .keepOnDevice=${attributes['keep-on-device'] ?? null}
        .pin=${attributes.pin ?? null}
        .slowdown=${attributes.slowdown ?? null}
        @d3-ready=${this.#ready}
        @d3-result=${this.#result}
        @d3-news=${this.#heard}
        @d3-error=${this.#failed}
      ></d3-infer>
      ${this.#renderSamples()}
    `;
  }

  #renderSamples(): TemplateResult | typeof nothing {
    if (this._session?.sidecar?.inputs[0]?.kind !== 'sketch') return nothing;
    return html`
      <details class="samples">
        <summary>Or take a drawing</summary>
        ${sketchSamples.samples.map(
          (sample) =>
            html`<button type="button" @click=${() => this.#useSample(sample.strokes)}>${sample.label}</button>`,
        )}
      </details>
    `;
  }

  #renderStream(): TemplateResult | typeof nothing {
    const session = this._session;
    if (this._choice?.scenario.id !== 'stream' || !session || !this._result) return nothing;
    const { report } = session;
    const chosen = report.strategies[report.chosen];
    const predicted = chosen && 'slowestStageMs' in chosen ? 1000 / chosen.slowestStageMs : undefined;
    return html`
      <h2>Rate</h2>
      <p>
        ${predicted ? html`Predicted: ${predicted.toFixed(1)} a second (slowest stage ${formatMs(1000 / predicted)}).` : nothing}
        ${
          typeof this._stream === 'object'
            ? html`<br />Measured: <b data-rate>${this._stream.perSecond.toFixed(1)}</b> a second, ${this._stream.results} answers.`
            : nothing
        }
      </p>
      <button type="button" data-run-stream ?disabled=${this._stream === 'running'} @click=${this.#runStream}>
        ${this._stream === 'running' ? 'Measuring …' : `Run ${STREAM.durationMs / 1000} s with ${STREAM.inFlight} in flight`}
      </button>
    `;
  }

  #renderCrossed(): TemplateResult | typeof nothing {
    const crossed = this._result?.crossed;
    if (!crossed) return nothing;
    return html`
      <h2>What leaves this browser</h2>
      <p class="muted">${warningOf(Object.values(crossed))}</p>
      <d3-feature-maps .tensors=${crossed}></d3-feature-maps>
    `;
  }

  async #choose(scenario: Scenario, model: OfferedModel): Promise<void> {
    if (!this.#config) return;
    this.#streaming?.abort();
    this._session = undefined;
    this._news = undefined;
    this._result = undefined;
    this._stream = undefined;
    const choice: Choice = { scenario, model };
    this._choice = choice;
    const layers = await loadLayers(scenario.fabric(this.#config), model);
    if (this._choice === choice) this._choice = { ...choice, layers };
  }

  readonly #pickModel = (event: Event): void => {
    const name = (event.target as HTMLSelectElement).value;
    const model = this._models.find((candidate) => candidate.name === name);
    const scenario = this._choice?.scenario;
    if (model && scenario) void this.#guard(() => this.#choose(scenario, model));
  };

  readonly #ready = (event: CustomEvent<Session>): void => {
    this._session = event.detail;
    this._result = undefined;
    this._news = undefined;
  };

  readonly #heard = (event: CustomEvent<SessionNews>): void => {
    this._news = event.detail;
  };

  /** A session that ended has no plan any more; what failed says so in the element. */
  readonly #failed = (event: Event): void => {
    if ((event.target as D3Infer).session !== undefined) return;
    this.#streaming?.abort();
    this._session = undefined;
    this._news = undefined;
  };

  readonly #result = (event: CustomEvent<ResultDetail>): void => {
    this._session = event.detail.session;
    this._result = event.detail.result;
  };

  readonly #runStream = (): void => {
    const session = this._session;
    const input = this.#currentInput();
    if (!session || !input) return;
    this.#streaming = new AbortController();
    const { signal } = this.#streaming;
    this._stream = 'running';
    void this.#guard(async () => {
      try {
        this._stream = await measureStream(session, input, { ...STREAM, signal });
      } catch (error) {
        this._stream = undefined;
        if (!signal.aborted) throw error;
      }
    });
  };

  #currentInput(): InferInput | undefined {
    const strokes = this.#pad()?.strokes;
    return strokes && strokes.strokes.length > 0 ? { kind: 'strokes', strokes } : undefined;
  }

  #useSample(strokes: readonly (readonly number[][])[]): void {
    const pad = this.#pad();
    if (!pad) return;
    const points: Strokes['strokes'] = strokes.map((stroke) => stroke.map(([x = 0, y = 0]) => [x, y] as const));
    pad.strokes = { strokes: points };
  }

  #pad() {
    const element: D3Infer | null = this.renderRoot.querySelector('d3-infer');
    return element?.shadowRoot?.querySelector('d3-draw-pad') ?? undefined;
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    this._failure = undefined;
    try {
      await work();
    } catch (error) {
      this._failure = isD3Error(error) ? `${error.message} [${error.code}]` : String(error);
    }
  }
}

function warningOf(crossed: readonly Tensor[]): string {
  if (crossed.length === 0) return 'Nothing: every layer ran here.';
  if (crossed.some((tensor) => tensor.type === 'uint8'))
    return 'The picture itself: no layer ran here. "Private" keeps it.';
  return 'Private is not secret: early feature maps still hold much of a picture, as you can see. Keep more layers here to show less.';
}

customElements.define('d3-dashboard', Dashboard);

declare global {
  interface HTMLElementTagNameMap {
    'd3-dashboard': Dashboard;
  }
}
