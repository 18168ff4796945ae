/** What `pictureOf()` reads. In Node: a `Blob` with a PNG or JPEG file, or pixels shaped like an `ImageData`. */
export type PictureSource = Blob | ImageBitmap | ImageData | HTMLCanvasElement | OffscreenCanvas;
