/** Pixels as a browser's ImageData holds them: RGBA, 8 bits each, row-major, not premultiplied. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer> | Uint8Array<ArrayBuffer>;
}

/** A drawing: polylines in 0…1 (x right, y down) on a square page. */
export interface Strokes {
  readonly strokes: readonly (readonly (readonly [x: number, y: number])[])[];
}

/** How a network input is made from a picture or a drawing: an entry of `MODEL.d3.json`. */
export type SidecarInput =
  | {
      readonly name: string;
      readonly kind: 'image';
      readonly layout: 'NCHW' | 'NHWC';
      readonly width: number;
      readonly height: number;
      readonly color: 'RGB' | 'BGR' | 'gray' | 'luma';
      /** Pixel values 0…255 are mapped onto this range first; then (value − mean) / std. */
      readonly range: readonly [number, number];
      readonly mean: readonly number[];
      readonly std: readonly number[];
      readonly resize: { readonly fit: 'cover' | 'contain' | 'stretch'; readonly filter: 'bilinear' | 'nearest' };
      /** What transparent pixels are laid on. */
      readonly alpha: 'white' | 'black';
    }
  | {
      readonly name: string;
      readonly kind: 'sketch';
      readonly layout: 'NCHW' | 'NHWC';
      readonly width: number;
      readonly height: number;
      readonly color: 'gray';
      readonly range: readonly [number, number];
      readonly mean: readonly number[];
      readonly std: readonly number[];
      readonly ink: 'white' | 'black';
      /** Share of the page that the ink's longer side fills. */
      readonly fit: number;
      readonly penPixels: number;
    }
  | { readonly name: string; readonly kind: 'tensor' };

/** What a network output means. */
export type SidecarOutput =
  | {
      readonly name: string;
      readonly kind: 'classes';
      readonly scores: 'probabilities' | 'logits';
      /** Resolved when parsed: a file's name in the JSON, the list here. */
      readonly labels: readonly string[];
      /** Below it no label is shown. */
      readonly minimumProbability?: number;
    }
  | {
      readonly name: string;
      readonly kind: 'image';
      readonly color: 'luma' | 'gray' | 'RGB' | 'BGR';
      readonly range: readonly [number, number];
    }
  | { readonly name: string; readonly kind: 'tensor' };

/** A parsed `MODEL.d3.json`, checked against its model. */
export interface Sidecar {
  readonly format: 1;
  readonly model: string;
  readonly inputs: readonly SidecarInput[];
  readonly outputs: readonly SidecarOutput[];
}

/** An output read by its sidecar entry. */
export type Answer =
  | {
      readonly kind: 'classes';
      readonly output: string;
      /** Best first, at most five; probabilities. */
      readonly top: readonly { readonly index: number; readonly label: string; readonly score: number }[];
      /** Whether the best is below the sidecar's `minimumProbability`. */
      readonly unsure: boolean;
    }
  | { readonly kind: 'image'; readonly output: string; readonly picture: Picture }
  | { readonly kind: 'tensor'; readonly output: string; readonly shape: readonly number[] };
