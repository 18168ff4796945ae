/**
 * The one error class of D3 and the tables that declare every code.
 *
 * @packageDocumentation
 */
export { D3Error, type D3ErrorJson, isD3Error } from './d3-error.ts';
export {
  type Details,
  defineErrors,
  type ErrorFactory,
  type ErrorSpec,
  type ErrorTable,
} from './define-errors.ts';
