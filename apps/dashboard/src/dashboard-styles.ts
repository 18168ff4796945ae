import { type CSSResult, css } from 'lit';

/** Layout of the dashboard page. */
export const dashboardStyles: CSSResult = css`
  :host {
    display: block;
    max-width: 1180px;
    margin: 0 auto;
    padding: 16px;
    color: light-dark(#16181d, #e8eaf0);
    font: 14px / 1.45 system-ui, sans-serif;
  }
  header {
    display: flex;
    align-items: baseline;
    gap: 12px;
  }
  h1 {
    font-size: 28px;
    margin: 0;
  }
  h2 {
    font-size: 15px;
    margin: 16px 0 6px;
  }
  h2:first-child {
    margin-top: 0;
  }
  header p,
  .muted {
    color: light-dark(#5d6472, #9aa3b5);
  }
  .choosers {
    display: flex;
    flex-wrap: wrap;
    gap: 12px;
    align-items: center;
    justify-content: space-between;
  }
  .scenarios {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
  }
  button,
  select {
    font: inherit;
    color: inherit;
    background: light-dark(#ffffff, #1b1f27);
    border: 1px solid light-dark(#d9dde5, #343a47);
    border-radius: 6px;
    padding: 5px 12px;
    cursor: pointer;
  }
  button[aria-checked='true'] {
    border-color: light-dark(#0b7a75, #3cc7bf);
    background: light-dark(#e2f3f2, #12302e);
  }
  button:focus-visible,
  select:focus-visible {
    outline: 2px solid light-dark(#0b7a75, #3cc7bf);
    outline-offset: 2px;
  }
  .what {
    margin: 12px 0 2px;
  }
  .conditions {
    margin: 0 0 12px;
    padding-left: 18px;
    color: light-dark(#8a4b00, #f0a63c);
  }
  .columns {
    display: grid;
    grid-template-columns: minmax(0, 1.4fr) minmax(0, 1fr);
    gap: 16px;
    align-items: start;
  }
  @media (max-width: 820px) {
    .columns {
      grid-template-columns: minmax(0, 1fr);
    }
  }
  section {
    background: light-dark(#ffffff, #1b1f27);
    border: 1px solid light-dark(#e3e6ec, #2b303b);
    border-radius: 10px;
    padding: 16px;
  }
  .samples {
    margin-top: 12px;
  }
  .samples button {
    margin: 4px 4px 0 0;
    padding: 2px 8px;
  }
  .failure {
    color: light-dark(#b3261e, #ff8a80);
  }
`;
