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
  ONNX_GRAPH_INVALID: {
    message: "The model's graph is not valid: {reason}. Export it again, or check it with onnx.checker",
    status: 400,
    retryable: false,
  },
  ONNX_DIMENSION_UNKNOWN: {
    message: "Dimension {axis} of input '{input}' is {dimension}: give '{key}' a size when packing (dims)",
    status: 400,
    retryable: false,
  },
  ONNX_TENSOR_UNSUPPORTED: {
    message: "{role} '{tensor}' is {found}: {remedy}",
    status: 400,
    retryable: false,
  },
  ONNX_OPERATOR_UNKNOWN: {
    message:
      "The runtime knows no operator '{operator}' (node '{node}'): export the model with standard operators, or with an operator set that the runtime has",
    status: 400,
    retryable: false,
  },
  ONNX_SHAPES_REFUSED: {
    message: 'The runtime refuses the model: {reason}. Check that it runs whole, then pack it again',
    status: 400,
    retryable: false,
  },
  ONNX_SEGMENT_INVALID: {
    message: 'Layers [{layers}] of {model} are no segment: {reason}',
    status: 400,
    retryable: false,
  },
  ONNX_PACK_INVALID: {
    message: 'Not a packed model: {reason} (at {place}). Pack the model again with this version',
    status: 400,
    retryable: false,
  },
  ONNX_TOO_LARGE: {
    message:
      'One ONNX file holds at most {limit} bytes and {what} needs {bytes}: choose fewer layers, or keep weights external',
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
