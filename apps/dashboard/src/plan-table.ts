import type { Session } from '@d3/client';
import { describeNews, formatMs, type SessionNews } from '@d3/element';
import type { PlanReport, StrategyResult } from '@d3/partition';
import {
  type CSSResultGroup,
  css,
  html,
  LitElement,
  nothing,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit';

/** `<d3-plan-table>`: why this plan: the planner's sentence, and every strategy's prediction. */
export class PlanTable extends LitElement {
  static override properties: PropertyDeclarations = { session: { attribute: false }, news: { attribute: false } };
  /** Its look: the shared tokens and its own layout. */
  static override styles: CSSResultGroup = css`
    table {
      width: 100%;
      border-collapse: collapse;
      font-size: 13px;
    }
    th,
    td {
      text-align: left;
      padding: 3px 8px 3px 0;
      border-bottom: 1px solid light-dark(#e3e6ec, #2b303b);
    }
    td:nth-child(n + 2) {
      font-variant-numeric: tabular-nums;
    }
    .chosen {
      font-weight: 650;
    }
    .muted {
      color: light-dark(#5d6472, #9aa3b5);
    }
    p {
      margin: 0 0 8px;
    }
  `;

  declare session: Session | undefined;
  /** What the session last said; new ones show its report anew. */
  declare news: SessionNews | undefined;

  protected override render(): TemplateResult | typeof nothing {
    if (!this.session) return nothing;
    const { report } = this.session;
    return html`
      <p part="sentence">${report.explain.sentence}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">strategy</th>
            <th scope="col">${report.problem.objective === 'latency' ? 'latency' : 'slowest stage'}, predicted</th>
            <th scope="col">layers by tier</th>
          </tr>
        </thead>
        <tbody>
          ${Object.entries(report.strategies).map(([name, result]) => this.#row(report, name, result))}
        </tbody>
      </table>
      ${this.#turningPoints(report)} ${this.#lastSwitch()}
    `;
  }

  #lastSwitch(): TemplateResult | typeof nothing {
    const lines = describeNews(this.news ?? { epoch: 0 });
    if (lines.length === 0) return nothing;
    return html`<ul part="news" aria-label="What changed" aria-live="polite">
      ${lines.map((line) => html`<li>${line}</li>`)}
    </ul>`;
  }

  #row(report: PlanReport, name: string, result: StrategyResult): TemplateResult {
    if ('infeasible' in result) {
      return html`<tr class="muted">
        <td>${name}</td>
        <td colspan="2">not possible: ${result.infeasible}</td>
      </tr>`;
    }
    const counts = report.problem.tiers.map((tier, index) => {
      const count = result.tierOf.filter((assigned) => assigned === index).length;
      return `${tier} ${count}`;
    });
    const predictedMs = report.problem.objective === 'latency' ? result.latencyMs : result.slowestStageMs;
    return html`<tr class=${name === report.chosen ? 'chosen' : ''}>
      <td>${name}${name === report.chosen ? ' ✓' : ''}</td>
      <td>${formatMs(predictedMs)}</td>
      <td>${counts.join(' · ')}</td>
    </tr>`;
  }

  #turningPoints(report: PlanReport): TemplateResult | typeof nothing {
    const { turningPoints } = report.explain;
    if (turningPoints.length === 0) return nothing;
    return html`<ul class="muted">
      ${turningPoints.map(
        (point) =>
          html`<li>
            ${point.quantity} is ${point.now.toPrecision(3)} ${point.unit}; at ${point.at.toPrecision(3)} ${point.unit}:
            ${point.then}
          </li>`,
      )}
    </ul>`;
  }
}

customElements.define('d3-plan-table', PlanTable);

declare global {
  interface HTMLElementTagNameMap {
    'd3-plan-table': PlanTable;
  }
}
