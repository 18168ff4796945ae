/** Operators that a layer has at most one of, unless a pattern fuses several. */
export const ANCHORS: readonly string[] = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'];

/** Activations that the runtime fuses into the operator before them. */
export const ACTIVATIONS: readonly string[] = [
  'Relu',
  'Clip',
  'LeakyRelu',
  'Sigmoid',
  'Tanh',
  'HardSigmoid',
  'Elu',
  'PRelu',
];

/** Operators that pad with zeros themselves, into which the runtime moves a Pad before them. */
export const PADDED: readonly string[] = ['Conv', 'MaxPool', 'AveragePool'];

/** Quantisation of any kind: what the runtime fuses around these depends on what it sees of the graph. */
export const QUANTISED: readonly string[] = [
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'MatMulInteger',
  'ConvInteger',
  'QLinearConv',
  'QLinearMatMul',
];
