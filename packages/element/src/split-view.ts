import type { InferResult, Placement, Session } from '@d3/client';
import type { HopTiming } from '@d3/protocol';
import {
  type CSSResultGroup,
  css,
  html,
  LitElement,
  nothing,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit';
import { formatBytes, formatMs } from './format.ts';
import { tokens } from './styles.ts';

/** `<d3-split>`: which layers ran where, how long each tier took, and what crossed each hop, of one result. */
export class SplitView extends LitElement {
  static override properties: PropertyDeclarations = {
    session: { attribute: false },
    result: { attribute: false },
    epoch: { attribute: false },
  };
  /** Its look: the shared tokens and its own layout. */
  static override styles: CSSResultGroup = [
    tokens,
    css`
      .strip {
        display: flex;
        height: 14px;
        border-radius: 4px;
        overflow: hidden;
        margin-bottom: 8px;
      }
      .strip i {
        flex: 1 1 0;
        min-width: 1px;
        border-right: 1px solid var(--_surface);
      }
      .tiers {
        display: flex;
        flex-wrap: wrap;
        align-items: stretch;
        gap: 4px;
      }
      .tier {
        flex: 1 1 8em;
        border: 1px solid var(--_line);
        border-top: 4px solid var(--tier);
        border-radius: 6px;
        padding: 6px 8px;
        background: var(--_surface);
      }
      .tier b {
        color: var(--tier);
      }
      .idle {
        opacity: 0.6;
      }
      .hop {
        align-self: center;
        text-align: center;
        color: var(--_muted);
        font-size: 12px;
        min-width: 5em;
      }
      .note {
        color: var(--_muted);
        font-size: 12px;
      }
      .emulated {
        color: var(--_bad);
        font-size: 12px;
      }
      [data-tier='device'] {
        --tier: var(--_device);
      }
      [data-tier='edge'] {
        --tier: var(--_edge);
      }
      [data-tier='cloud'] {
        --tier: var(--_cloud);
      }
      i[data-tier] {
        background: var(--tier);
      }
    `,
  ];

  declare session: Session | undefined;
  declare result: InferResult | undefined;
  /** Of the live plan: another one shows the session's tiers anew. */
  declare epoch: number | undefined;

  protected override render(): TemplateResult | typeof nothing {
    const { session, result } = this;
    if (!session || !result) return nothing;
    const tiers = session.profiles.map((profile) => profile.tier);
    return html`
      <div class="strip" part="strip" role="img" aria-label="Layers by tier, first to last">
        ${session.manifest.layers.map((layer, index) => {
          const tier = tierOfLayer(result, index);
          return html`<i data-tier=${tier} title="${layer.name} (${layer.kind}) on ${tier}"></i>`;
        })}
      </div>
      <div class="tiers" part="tiers">
        ${tiers.map((tier, index) => {
          const hop = result.hops[index];
          return html`${this.#tier(
            tier,
            result.placement.find((segment) => segment.tier === tier),
          )}${hop && index < tiers.length - 1 ? this.#hop(hop) : nothing}`;
        })}
      </div>
    `;
  }

  #tier(tier: string, segment: Placement | undefined): TemplateResult {
    if (!segment || segment.layers.length === 0) {
      return html`<div class="tier idle" data-tier=${tier}><b>${tier}</b><br /><span class="note">no layer</span></div>`;
    }
    const first = segment.layerNames[0] ?? '';
    const last = segment.layerNames.at(-1) ?? '';
    return html`
      <div class="tier" data-tier=${tier}>
        <b>${tier}</b> <span class="note">${segment.backend}</span><br />
        ${formatMs(segment.computeMs)} · ${segment.layers.length} ${segment.layers.length === 1 ? 'layer' : 'layers'}
        <div class="note">${first === last ? first : `${first} … ${last}`}</div>
        ${segment.emulated ? html`<div class="emulated">emulated: slowed ${segment.slowdown}×</div>` : nothing}
      </div>
    `;
  }

  #hop(hop: HopTiming): TemplateResult {
    return html`
      <div class="hop" title=${hop.hop}>
        → ${formatBytes(hop.bytesUp)}<br />← ${formatBytes(hop.bytesDown)}<br />${formatMs(hop.ms)}
      </div>
    `;
  }
}

function tierOfLayer(result: InferResult, index: number): string {
  return result.placement.find((segment) => segment.layers.includes(index))?.tier ?? 'device';
}

if (!customElements.get('d3-split')) customElements.define('d3-split', SplitView);

declare global {
  interface HTMLElementTagNameMap {
    'd3-split': SplitView;
  }
}
