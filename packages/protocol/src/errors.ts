import { defineErrors, type ErrorFactory } from '@d3/errors';

/** Codes of `@d3/protocol`. */
export const protocolErrorTable = {
  PROTOCOL_VERSION_UNSUPPORTED: {
    message: 'The peer speaks protocol {actual} and this side speaks {supported}: run the same D3 version on both',
    status: 400,
    retryable: false,
  },
  PROTOCOL_LIMIT_EXCEEDED: {
    message: '{what} is {actual} and {limit} is {max}: send less, or raise {limit} at the receiver',
    status: 413,
    retryable: false,
  },
  PROTOCOL_CONTROL_MALFORMED: {
    message: 'Control message is malformed at {place}: {problem}. Send JSON as the protocol’s SPEC describes it',
    status: 400,
    retryable: false,
  },
  PROTOCOL_MESSAGE_MALFORMED: {
    message: 'Binary message of {bytes} bytes is no frame message at {place}: {problem}. Send what encodeFrame() makes',
    status: 400,
    retryable: false,
  },
  PROTOCOL_HEADER_MALFORMED: {
    message: 'Header of {kind} {request} is malformed at {place}: {problem}. Send what encodeFrame() makes',
    status: 400,
    retryable: false,
  },
  PROTOCOL_TENSOR_MISMATCH: {
    message:
      "Tensor '{tensor}' of {kind} {request} is {actual} where {expected} is expected: send the tensors that the epoch's plan names",
    status: 400,
    retryable: false,
  },
  PROTOCOL_FRAME_DUPLICATE: {
    message: 'A second header of {kind} {request} came before its first frame was whole: number requests uniquely',
    status: 400,
    retryable: false,
  },
  PROTOCOL_PAYLOAD_UNANNOUNCED: {
    message: 'Payload of {kind} {request} came without a header before it: send the header message first',
    status: 400,
    retryable: false,
  },
  PROTOCOL_PAYLOAD_ORDER: {
    message:
      'Payload of {kind} {request} continues at byte {actual} where byte {expected} is due: send each byte once, in order',
    status: 400,
    retryable: false,
  },
  PROTOCOL_PAYLOAD_SURPLUS: {
    message:
      'Payload of {kind} {request} reaches byte {actual} of {announced}: send as many bytes as the header announces',
    status: 400,
    retryable: false,
  },
  PROTOCOL_FRAME_STALLED: {
    message:
      'Nothing of {kind} {request} came for {idleMs} ms after {received} bytes of it: send frames whole, or cancel them',
    status: 408,
    retryable: true,
  },
  PROTOCOL_PROBE_LIMIT: {
    message:
      'A probe of {bytes} bytes exceeds what this link may spend on probes, {available} bytes now: probe less, or later',
    status: 429,
    retryable: true,
  },
  PROTOCOL_CODING_INVALID: {
    message: "Tensor '{tensor}' is no valid '{codec}' coding: {problem}. Send what encodeFrame() makes",
    status: 400,
    retryable: false,
  },
  PROTOCOL_INFER_MALFORMED: {
    message: 'Inference message is malformed at {place}: {problem}. See the Open Inference Protocol v2',
    status: 400,
    retryable: false,
  },
  PROTOCOL_INFER_DATATYPE: {
    message: "Tensor '{tensor}' has datatype '{datatype}' and this side knows {supported}: convert it before sending",
    status: 400,
    retryable: false,
  },
  PROTOCOL_INFER_NOT_JSON: {
    message: "Tensor '{tensor}' cannot be written as JSON: {problem}. Ask for binary data (binary_data: true)",
    status: 400,
    retryable: false,
  },
  PROTOCOL_INFER_FAILED: {
    message: 'The inference server refused the request: {reason}. See its log',
    status: 502,
    retryable: false,
  },
} as const;

export const protocolError: ErrorFactory<typeof protocolErrorTable> = defineErrors(protocolErrorTable);
