import type { Network } from '../network.ts';
import { type ConvOptions, type Feature, NetworkBuild } from '../network-build.ts';

/** Expansion, channels, repeats and first stride of each stage: the paper's Table 2. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** No ReLU follows a bottleneck's projection, and ten of them are added to what they branched from. */
const LINEAR_GAIN = Math.SQRT1_2;
const BRANCH_GAIN = Math.sqrt(1 / 10);

/** MobileNetV2 (Sandler et al. 2018) at width 1: 3.50 M parameters, input 224 × 224, depthwise convolutions. */
export function mobilenetV2(): Network {
  const net = new NetworkBuild({
    name: 'mobilenet-v2',
    inputShape: [1, 3, 224, 224],
    source:
      'Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", arXiv:1801.04381; as in torchvision',
  });
  let x = unit(net, net.input, { out: 32, kernel: 3, stride: 2, pad: 1 });
  for (const [expansion, out, repeats, firstStride] of STAGES) {
    for (let block = 0; block < repeats; block++) {
      x = bottleneck(net, x, { expansion, out, stride: block === 0 ? firstStride : 1 });
    }
  }
  x = unit(net, x, { out: 1280, kernel: 1 });
  return net.finish([net.gemm(net.flatten(net.globalAveragePool(x)), 1000)]);
}

/** Widen, filter each channel by itself, narrow; added to what came in where the shapes are the same. */
function bottleneck(
  net: NetworkBuild,
  x: Feature,
  { expansion, out, stride }: { readonly expansion: number; readonly out: number; readonly stride: number },
): Feature {
  const channels = x.shape[1] ?? 1;
  const wide = channels * expansion;
  let inner = expansion === 1 ? x : unit(net, x, { out: wide, kernel: 1 });
  inner = unit(net, inner, { out: wide, kernel: 3, stride, pad: 1, groups: wide });
  const added = stride === 1 && channels === out;
  const gain = added ? BRANCH_GAIN : LINEAR_GAIN;
  const narrow = net.batchNorm(net.conv(inner, { out, kernel: 1 }), { gain });
  return added ? net.add(x, narrow) : narrow;
}

function unit(net: NetworkBuild, x: Feature, conv: ConvOptions): Feature {
  return net.relu6(net.batchNorm(net.conv(x, conv)));
}
