import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/onnx`. */
export const onnxErrorTable = {
  ONNX_INVALID_FILE: {
    message:
      'Not a whole ONNX model ({bytes} bytes): {reason}. The file may be cut short or of another kind: export or download it again',
    status: 400,
    retryable: false,
  },
  ONNX_OPSET_UNSUPPORTED: {
    message:
      "The model uses operator set {opset} of '{domain}' and D3 reads {oldest} and later: convert it with onnx.version_converter",
    status: 400,
    retryable: false,
  },
  ONNX_FEATURE_UNSUPPORTED: {
    message: "{feature} at '{place}' is not supported: {remedy}",
    status: 400,
    retryable: false,
  },
  ONNX_EXTERNAL_PATH: {
    message:
      "Initializer '{tensor}' has its data at '{path}', which is not a plain relative path inside the model's folder: save the model again with its data file beside it",
    status: 400,
    retryable: false,
  },
  ONNX_EXTERNAL_MISSING: {
    message:
      "Initializer '{tensor}' needs {bytes} bytes at offset {offset} of '{path}' and {found}: give that file along with the model",
    status: 400,
    retryable: false,
  },
} as const;

export const onnxError: ErrorFactory<typeof onnxErrorTable> = defineErrors(onnxErrorTable);
