/**
 * Real Chromium and pages built from this repository's packages, for tests.
 *
 * @packageDocumentation
 */
export { findChromium, type LaunchOptions, launchBrowser } from './launch-browser.ts';
export { type HarnessPage, openPage } from './open-page.ts';
export { buildPage, type Harness, type HarnessOptions, removeSite, serveHarness } from './serve-harness.ts';
