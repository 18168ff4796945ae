import type { OnnxElementType } from './element-codes.ts';

/** Bytes over the memory of whoever made them: of the file that was read, mostly. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Where an initializer's bytes lie outside the file. The path is relative and stays inside the model's folder. */
export interface ExternalLocation {
  readonly path: string;
  readonly offset: number;
  /** Absent: to the file's end. */
  readonly length?: number;
}

/** A constant tensor of a model. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly number[];
  /**
   * Little-endian elements, row-major; a view into the file that was read, at any alignment. `null`: declared external and
   * not given (or strings, which are in `strings`).
   */
  readonly data: Bytes | null;
  readonly external?: ExternalLocation;
  readonly strings?: readonly Bytes[];
}

/** What an attribute of each kind holds. Integers are exact (`bigint`): slices run to 2⁶³ − 1. */
export interface OnnxAttributeValues {
  readonly float: number;
  readonly int: bigint;
  readonly string: Bytes;
  readonly tensor: OnnxTensor;
  readonly graph: OnnxGraph;
  readonly floats: readonly number[];
  readonly ints: readonly bigint[];
  readonly strings: readonly Bytes[];
  readonly tensors: readonly OnnxTensor[];
  readonly graphs: readonly OnnxGraph[];
  /** A kind that D3 never looks into (types, sparse tensors), as the file has it. */
  readonly opaque: Bytes;
}

/** A node's attribute. */
export type OnnxAttribute = {
  readonly [Kind in keyof OnnxAttributeValues]: {
    readonly name: string;
    readonly kind: Kind;
    readonly value: OnnxAttributeValues[Kind];
  };
}[keyof OnnxAttributeValues];

/** One operator of a graph. An empty name among inputs or outputs means an optional one left out. */
export interface OnnxNode {
  readonly name: string;
  readonly op: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

/** A dimension: known, symbolic, or unnamed and unknown. */
export type OnnxDimension = number | string | null;

/** What a graph says of a value. `opaque` is a type that is no dense tensor, as the file has it. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxElementType | null;
  /** `null`: of unknown rank. */
  readonly shape: readonly OnnxDimension[] | null;
  readonly opaque?: Bytes;
}

/** A graph: a model's own, or the body of an If, Loop or Scan. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** What the file says of the values between; a hint only. */
  readonly values: readonly OnnxValue[];
}

/** The version of an operator set that a model is written for. */
export interface OperatorSet {
  readonly domain: string;
  readonly version: number;
}

/** An ONNX model as D3 works on it: everything that changes results, nothing else. */
export interface OnnxModel {
  readonly irVersion: number;
  readonly operatorSets: readonly OperatorSet[];
  readonly graph: OnnxGraph;
  /** Model-local functions, as the file has them. */
  readonly functions: readonly Bytes[];
}
