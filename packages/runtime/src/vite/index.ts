/**
 * The Vite plugin that serves and emits what the browser backends load at run time.
 *
 * @packageDocumentation
 */
export { type D3AssetsOptions, d3Assets } from './d3-assets.ts';
