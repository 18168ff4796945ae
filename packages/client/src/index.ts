/**
 * The device tier: connect to an edge, plan, infer. This entry is what TypeScript and Node see; bundlers take the browser's, which
 * has the same names.
 *
 * @packageDocumentation
 */
export * from './node/index.ts';
