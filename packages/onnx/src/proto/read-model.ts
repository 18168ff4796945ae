import { isD3Error } from '@d3/errors';
import { onnxError } from '../errors.ts';
import { onBytes, onNumber, onString, readMessage } from './field-reader.ts';
import type { Bytes, OnnxAttribute, OnnxGraph, OnnxModel, OnnxTensor, OperatorSet } from './model.ts';
import { readGraph } from './read-graph.ts';
import type { ExternalFiles } from './read-tensor.ts';

/** The oldest version of ONNX's own operator set that D3 reads. */
export const OLDEST_OPSET = 7;

/** What {@link readModel} may be given beside the file. */
export interface ReadOptions {
  /**
   * The data files of a model with external data, by the relative path that the model names (see {@link externalPaths}).
   * Without it such initializers have `data: null`; with it, each of them must be there.
   */
  readonly external?: ExternalFiles;
}

/**
 * Reads an ONNX model. No weight is copied: tensors are views into `bytes` and into the external files.
 *
 * @throws D3Error `ONNX_INVALID_FILE` (cut short, or no ONNX at all), `ONNX_OPSET_UNSUPPORTED`, `ONNX_EXTERNAL_PATH`,
 *   `ONNX_EXTERNAL_MISSING`, `ONNX_FEATURE_UNSUPPORTED`
 */
export function readModel(bytes: Bytes, options: ReadOptions = {}): OnnxModel {
  try {
    return checkModel(readModelFields(bytes, options));
  } catch (cause) {
    if (isD3Error(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw onnxError('ONNX_INVALID_FILE', { bytes: bytes.byteLength, reason }, { cause });
  }
}

/**
 * The data files that a model's constants lie in, those of control-flow bodies included, each once: relative paths, checked to stay
 * in the model's folder. Empty for a self-contained file.
 *
 * @throws D3Error as {@link readModel}
 */
export function externalPaths(bytes: Bytes): readonly string[] {
  const paths = constantsOf(readModel(bytes).graph).flatMap(({ external }) => external?.path ?? []);
  return [...new Set(paths)];
}

/** Every constant of a graph: its initializers, then those inside its nodes. */
export function constantsOf({ initializers, nodes }: OnnxGraph): readonly OnnxTensor[] {
  const inner = nodes.flatMap(({ attributes }) => attributes.flatMap(attributeConstants));
  return [...initializers, ...inner];
}

function attributeConstants({ kind, value }: OnnxAttribute): readonly OnnxTensor[] {
  if (kind === 'tensor') return [value];
  if (kind === 'tensors') return value;
  if (kind === 'graph') return constantsOf(value);
  return kind === 'graphs' ? value.flatMap(constantsOf) : [];
}

interface ModelFields {
  irVersion: number;
  readonly operatorSets: OperatorSet[];
  graph: OnnxGraph | null;
  readonly functions: Bytes[];
}

function readModelFields(bytes: Bytes, options: ReadOptions): ModelFields {
  const fields: ModelFields = { irVersion: 0, operatorSets: [], graph: null, functions: [] };
  readMessage(bytes, {
    1: onNumber((value) => {
      fields.irVersion = value;
    }),
    7: onBytes((value) => {
      fields.graph = readGraph(value, { files: options.external, depth: 0 });
    }),
    8: onBytes((value) => fields.operatorSets.push(readOperatorSet(value))),
    25: onBytes((value) => fields.functions.push(value)),
  });
  return fields;
}

function readOperatorSet(bytes: Bytes): OperatorSet {
  let domain = '';
  let version = 0;
  readMessage(bytes, {
    1: onString((value) => {
      domain = value === 'ai.onnx' ? '' : value;
    }),
    2: onNumber((value) => {
      version = value;
    }),
  });
  return { domain, version };
}

function checkModel(fields: ModelFields): OnnxModel {
  const { graph, operatorSets } = fields;
  if (graph === null) throw new RangeError('it holds no graph');
  if (operatorSets.length === 0) throw new RangeError('it names no operator set');
  const own = operatorSets.find((set) => set.domain === '');
  if (own !== undefined && own.version < OLDEST_OPSET) {
    throw onnxError('ONNX_OPSET_UNSUPPORTED', { opset: own.version, domain: 'ai.onnx', oldest: OLDEST_OPSET });
  }
  const domains = new Set(operatorSets.map((set) => set.domain));
  const stray = graph.nodes.find((node) => !domains.has(node.domain));
  if (stray !== undefined) {
    throw new RangeError(`operator '${stray.op}' is of domain '${stray.domain || 'ai.onnx'}', which has no version`);
  }
  return { irVersion: fields.irVersion, operatorSets, graph, functions: fields.functions };
}
