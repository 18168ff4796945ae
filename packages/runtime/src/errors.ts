import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/runtime`, browser and Node alike. */
export const runtimeErrorTable = {
  RUNTIME_CREATE_FAILED: {
    message:
      "Segment '{segment}' cannot be prepared on {backend}: {reason}. Check that the model's operators are supported and that its weights fit in memory",
    status: 422,
    retryable: false,
  },
  RUNTIME_RUN_FAILED: {
    message: "Segment '{segment}' failed on {backend}: {reason}. Check the inputs' names, types and shapes",
    status: 500,
    retryable: false,
  },
  RUNTIME_LOST: {
    message: 'Backend {backend} was lost: {reason}. Prepare the segment again, here or on another tier',
    status: 503,
    retryable: true,
  },
  RUNTIME_DISPOSED: {
    message: "'{what}' was disposed and takes no more work: prepare it again",
    status: 503,
    retryable: false,
  },
  RUNTIME_UNAVAILABLE: {
    message: 'Backend {backend} cannot start here: {reason}. Choose another backend',
    status: 501,
    retryable: false,
  },
  RUNTIME_WEBGPU_UNAVAILABLE: {
    message:
      "This page cannot use WebGPU: {reason}. Serve it over https or from localhost to a browser with WebGPU, or use the 'wasm' backend",
    status: 501,
    retryable: false,
  },
  RUNTIME_ASSETS_NOT_FOUND: {
    message:
      "onnxruntime-web's files are not at '{assets}': {url} {found}. Serve the files of onnxruntime-web/dist there (the d3Assets() Vite plugin does) and name that folder in `assets`",
    status: 404,
    retryable: false,
  },
  RUNTIME_SCRIPT_FORBIDDEN: {
    message:
      "The page's Content-Security-Policy forbids what the {backend} backend needs ({reason}): add 'wasm-unsafe-eval' to its script-src, and let script-src and worker-src name the origins of the scripts and of `assets`",
    status: 501,
    retryable: false,
  },
  RUNTIME_WORKER_FAILED: {
    message:
      'The compute worker did not start: {reason}. Check that its script is served as JavaScript, and with CORS headers if from another origin',
    status: 500,
    retryable: false,
  },
  RUNTIME_SHAPES_FAILED: {
    message: 'The runtime cannot derive the shapes of this model: {reason}. Check that it is valid ONNX',
    status: 422,
    retryable: false,
  },
  RUNTIME_TYPE_UNSUPPORTED: {
    message: "Output '{tensor}' has element type {type}, which does not cross tiers: cast it to one of {supported}",
    status: 422,
    retryable: false,
  },
  RUNTIME_WEIGHT_CORRUPT: {
    message: "Weight '{weight}' should have {expected} and has {actual}: pack the model again or fetch it afresh",
    status: 500,
    retryable: false,
  },
  RUNTIME_SIDECAR_INVALID: {
    message: "The sidecar of model '{model}' does not fit at {place}: {reason}",
    status: 422,
    retryable: false,
  },
  RUNTIME_PICTURE_INVALID: {
    message: 'These {bytes} bytes are not a picture that can be read: {reason}. Give a PNG or a JPEG file',
    status: 400,
    retryable: false,
  },
  RUNTIME_PICTURE_TOO_LARGE: {
    message: 'The picture is {width}×{height} pixels and the limit is {maxPixels} in all: scale it down first',
    status: 413,
    retryable: false,
  },
  RUNTIME_DRAWING_EMPTY: {
    message: "Input '{input}' is a drawing and there is no ink in it: draw something first",
    status: 400,
    retryable: false,
  },
  RUNTIME_INPUT_UNFIT: {
    message: "Input '{input}' cannot be made from this: {reason}",
    status: 400,
    retryable: false,
  },
  RUNTIME_OUTPUT_UNFIT: {
    message: "Output '{output}' cannot be read as its sidecar says: {reason}. Check that the sidecar is this model's",
    status: 422,
    retryable: false,
  },
} as const;

export const runtimeError: ErrorFactory<typeof runtimeErrorTable> = defineErrors(runtimeErrorTable);
