import type { TensorMap } from '@d3/tensor';
import { protocolError } from '../errors.ts';
import {
  type InferHeaders,
  type InferHttp,
  type InferLimits,
  joinBody,
  malformed,
  parseTensors,
  splitBody,
  type TensorToWrite,
} from './infer-body.ts';
import type { InferRequest } from './infer-request.ts';

/** An inference response of the Open Inference Protocol v2. */
export interface InferResponse {
  readonly modelName: string;
  readonly modelVersion?: string;
  /** The request's, if it had one. */
  readonly id?: string;
  readonly outputs: TensorMap;
}

/**
 * Makes the answer to a request: the outputs that it asked for, in its order and form, or all of them.
 *
 * @throws D3Error `PROTOCOL_INFER_MALFORMED` when the request names an output that is not there, `PROTOCOL_INFER_NOT_JSON`
 */
export function encodeInferResponse(
  response: InferResponse,
  request: Pick<InferRequest, 'outputs' | 'binaryOutputs'>,
): InferHttp {
  const fields = {
    model_name: response.modelName,
    ...(response.modelVersion === undefined ? {} : { model_version: response.modelVersion }),
    ...(response.id === undefined ? {} : { id: response.id }),
  };
  return joinBody(fields, 'outputs', outputsToWrite(response.outputs, request));
}

/**
 * Parses a server's answer.
 *
 * @param body - kept, as by {@link parseInferRequest}
 * @throws D3Error `PROTOCOL_INFER_FAILED` for the protocol's error object; else as {@link parseInferRequest}
 */
export function parseInferResponse(headers: InferHeaders, body: Uint8Array, limits: InferLimits): InferResponse {
  const { json, binary } = splitBody(headers, body, limits);
  const [id, version, error] = [json.at('id'), json.at('model_version'), json.at('error')];
  if (!error.absent) throw protocolError('PROTOCOL_INFER_FAILED', { reason: String(error.value).slice(0, 1024) });
  return {
    modelName: json.at('model_name').text(),
    ...(version.absent ? {} : { modelVersion: version.text() }),
    ...(id.absent ? {} : { id: id.text() }),
    outputs: parseTensors(json.at('outputs'), binary, limits),
  };
}

function outputsToWrite(outputs: TensorMap, request: Pick<InferRequest, 'outputs' | 'binaryOutputs'>): TensorToWrite[] {
  const names = Object.keys(outputs);
  const wanted = request.outputs ?? names.map((name) => ({ name, binary: request.binaryOutputs }));
  return wanted.map(({ name, binary }, index) => {
    const tensor = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
    if (tensor === undefined) {
      throw malformed(`/outputs/${index}/name`, `'${name}' is no output of the model; it has ${names.join(', ')}`);
    }
    return { name, tensor, binary };
  });
}
