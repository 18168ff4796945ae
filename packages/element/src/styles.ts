import { type CSSResult, css } from 'lit';

/**
 * Colours and spacing that the parts of `<d3-infer>` share. A page overrides them by setting the custom properties, e.g.
 * `d3-infer { --d3-device: teal }`.
 */
export const tokens: CSSResult = css`
  :host {
    --_ink: var(--d3-ink, light-dark(#16181d, #e8eaf0));
    --_muted: var(--d3-muted, light-dark(#5d6472, #9aa3b5));
    --_line: var(--d3-line, light-dark(#d9dde5, #343a47));
    --_surface: var(--d3-surface, light-dark(#ffffff, #1b1f27));
    --_device: var(--d3-device, light-dark(#0b7a75, #3cc7bf));
    --_edge: var(--d3-edge, light-dark(#a85b00, #f0a63c));
    --_cloud: var(--d3-cloud, light-dark(#4457c0, #93a4ff));
    --_bad: var(--d3-bad, light-dark(#b3261e, #ff8a80));
    display: block;
    color: var(--_ink);
    font: 14px / 1.45 system-ui, sans-serif;
  }
  button {
    font: inherit;
    color: inherit;
    background: var(--_surface);
    border: 1px solid var(--_line);
    border-radius: 6px;
    padding: 4px 12px;
    cursor: pointer;
  }
  button:focus-visible,
  canvas:focus-visible {
    outline: 2px solid var(--_device);
    outline-offset: 2px;
  }
  button:disabled {
    opacity: 0.5;
    cursor: default;
  }
`;
