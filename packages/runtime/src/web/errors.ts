import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/runtime/web`: what only a browser can fail at. */
export const webRuntimeErrorTable = {
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
} as const;

export const webRuntimeError: ErrorFactory<typeof webRuntimeErrorTable> = defineErrors(webRuntimeErrorTable);
