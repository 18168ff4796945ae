import type { Network } from '../network.ts';
import { type Feature, NetworkBuild } from '../network-build.ts';
import { TransformerBuild } from './transformer-build.ts';

const WIDTH = 192;
const HEADS = 3;
const BLOCKS = 12;
const PATCH = 16;

/**
 * DeiT-Tiny (Touvron et al. 2020; a ViT-Ti/16 of Dosovitskiy et al. 2020): 5.72 M parameters, input 224 × 224, 12 blocks. Attention
 * and GELU are small operators, as PyTorch's exporter writes them at opset 17.
 */
export function deitTiny(): Network {
  const net = new NetworkBuild({
    name: 'deit-tiny',
    inputShape: [1, 3, 224, 224],
    source: 'Touvron et al., "Training data-efficient image transformers", arXiv:2012.12877, DeiT-Ti; as in timm',
  });
  const transformer = new TransformerBuild(net, { heads: HEADS, gain: Math.sqrt(1 / (2 * BLOCKS)) });
  let x = embed(net, transformer);
  for (let block = 0; block < BLOCKS; block++) x = transformer.mlp(transformer.attention(x), 4 * WIDTH);
  return net.finish([net.gemm(transformer.pick(transformer.layerNorm(x), { axis: 1, index: 0 }), 1000)]);
}

/** Patches as tokens, the class token before them, positions added. */
function embed(net: NetworkBuild, transformer: TransformerBuild): Feature {
  const map = net.conv(net.input, { out: WIDTH, kernel: PATCH, stride: PATCH, bias: true, gain: Math.SQRT1_2 });
  const [, , rows = 1, columns = 1] = map.shape;
  const patches = transformer.transpose(transformer.reshape(map, [1, WIDTH, rows * columns]), [0, 2, 1]);
  const shape = [1, rows * columns + 1, WIDTH];
  const tokens = net.node('Concat', [patches], {
    shape,
    flops: 0,
    weights: [{ role: 'embedding', shape: [1, 1, WIDTH] }],
    weightsFirst: true,
    attributes: { axis: 1 },
  });
  return transformer.plus(tokens, { role: 'embedding', shape });
}
