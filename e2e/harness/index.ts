/**
 * Real Chromium and pages built from this repository's packages, for tests.
 *
 * @packageDocumentation
 */
export { findChromium, type LaunchOptions, launchBrowser } from './launch-browser.ts';
export { type HarnessPage, openPage, workerNamed } from './open-page.ts';
export { type ModelFiles, packInto, runWhole } from './packed-folder.ts';
export { buildPage, type Harness, type HarnessOptions, removeSite, serveHarness } from './serve-harness.ts';
