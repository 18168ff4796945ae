import { cliError } from '../errors.ts';

/** What a layer is looked up in. */
export interface LayerList {
  /** The model's name, for the error's text. */
  readonly name: string;
  readonly layers: readonly { readonly name: string }[];
}

/**
 * The index of the layer that a person means: its name (which wins), its index, `first` or `last`.
 *
 * @throws D3Error `CLI_BAD_LAYER`
 */
export function layerIndex(option: string, reference: string, model: LayerList): number {
  const { layers } = model;
  const last = layers.length - 1;
  const named = layers.findIndex((layer) => layer.name === reference);
  if (named >= 0) return named;
  if (reference === 'first') return 0;
  if (reference === 'last') return last;
  const index = /^\d{1,9}$/.test(reference) ? Number(reference) : -1;
  if (index >= 0 && index <= last) return index;
  throw cliError('CLI_BAD_LAYER', { option, value: reference, model: model.name, last });
}
