import type { Picture } from '@d3/runtime';
import type { Outcome } from '@d3/runtime/web';
import type { Drawn, DrawnInput } from '../session-core/draw-input.ts';

/** What the picture worker answers to. Buffers are transferred both ways. */
export interface PictureApi {
  draw(picture: Picture, entry: DrawnInput): Promise<Outcome<Drawn>>;
}
