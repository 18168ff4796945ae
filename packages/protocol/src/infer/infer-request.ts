import type { TensorMap } from '@d3/tensor';
import type { JsonField } from '../json-field.ts';
import {
  type InferHeaders,
  type InferHttp,
  type InferLimits,
  joinBody,
  parseTensors,
  splitBody,
} from './infer-body.ts';

/** An output that a request asks for. */
export interface RequestedOutput {
  readonly name: string;
  /** As binary data rather than as JSON. */
  readonly binary: boolean;
}

/** An inference request of the Open Inference Protocol v2. */
export interface InferRequest {
  readonly id?: string;
  readonly inputs: TensorMap;
  /** In the order asked for; absent: all outputs. */
  readonly outputs?: readonly RequestedOutput[];
  /** Whether outputs not named in `outputs` go as binary data. */
  readonly binaryOutputs: boolean;
}

const MAX_OUTPUTS = 256;

/**
 * Parses a request's body, with tensors as JSON, as binary data, or both. Unknown parameters are ignored, as the protocol asks.
 *
 * @param body - kept: binary tensors are views of it where they happen to lie aligned, so do not reuse it
 * @throws D3Error `PROTOCOL_INFER_MALFORMED`, `PROTOCOL_INFER_DATATYPE`, `PROTOCOL_LIMIT_EXCEEDED`
 */
export function parseInferRequest(headers: InferHeaders, body: Uint8Array, limits: InferLimits): InferRequest {
  const { json, binary } = splitBody(headers, body, limits);
  const [id, outputs] = [json.at('id'), json.at('outputs')];
  const binaryOutputs = parameter(json, 'binary_data_output', false);
  return {
    ...(id.absent ? {} : { id: id.text() }),
    inputs: parseTensors(json.at('inputs'), binary, limits),
    ...(outputs.absent ? {} : { outputs: parseOutputs(outputs, binaryOutputs) }),
    binaryOutputs,
  };
}

/** What {@link encodeInferRequest} sends. */
export interface InferRequestInit {
  readonly id?: string;
  readonly inputs: TensorMap;
  /** Names of the outputs wanted; all by default. */
  readonly outputs?: readonly string[];
  /** Binary data both ways; true by default. JSON otherwise. */
  readonly binary?: boolean;
}

/**
 * Makes a request for any server of the Open Inference Protocol v2 with the binary tensor data extension.
 *
 * @throws D3Error `PROTOCOL_INFER_NOT_JSON`
 */
export function encodeInferRequest(init: InferRequestInit): InferHttp {
  const { id, inputs, outputs, binary = true } = init;
  const fields = {
    ...(id === undefined ? {} : { id }),
    ...(binary ? { parameters: { binary_data_output: true } } : {}),
    ...(outputs === undefined
      ? {}
      : { outputs: outputs.map((name) => (binary ? { name, parameters: { binary_data: true } } : { name })) }),
  };
  const tensors = Object.entries(inputs).map(([name, tensor]) => ({ name, tensor, binary }));
  return joinBody(fields, 'inputs', tensors);
}

function parseOutputs(outputs: JsonField, binaryOutputs: boolean): RequestedOutput[] {
  const seen = new Set<string>();
  return outputs.items(MAX_OUTPUTS).map((output) => {
    const name = output.at('name').text();
    if (seen.has(name)) throw output.at('name').refuse(`'${name}' is there twice`);
    seen.add(name);
    return { name, binary: parameter(output, 'binary_data', binaryOutputs) };
  });
}

function parameter(owner: JsonField, name: string, fallback: boolean): boolean {
  const parameters = owner.at('parameters');
  return parameters.absent ? fallback : parameters.at(name).flag(fallback);
}
