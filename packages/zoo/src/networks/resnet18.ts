import type { Network } from '../network.ts';
import { type Feature, NetworkBuild } from '../network-build.ts';

/** Eight branches that each add an eighth leave the activations as large as they were. */
const BRANCH_GAIN = Math.sqrt(1 / 8);

/** ResNet-18 (He et al. 2015): 11.69 M parameters, input 224 × 224. */
export function resnet18(): Network {
  const net = new NetworkBuild({
    name: 'resnet18',
    inputShape: [1, 3, 224, 224],
    source: 'He et al., "Deep residual learning", arXiv:1512.03385; as in torchvision',
  });
  let x = net.relu(net.batchNorm(net.conv(net.input, { out: 64, kernel: 7, stride: 2, pad: 3 })));
  x = net.maxPool(x, { kernel: 3, stride: 2, pad: 1 });
  for (const [index, out] of [64, 128, 256, 512].entries()) {
    x = basicBlock(net, x, { out, stride: index === 0 ? 1 : 2 });
    x = basicBlock(net, x, { out, stride: 1 });
  }
  return net.finish([net.gemm(net.flatten(net.globalAveragePool(x)), 1000)]);
}

function basicBlock(net: NetworkBuild, x: Feature, { out, stride }: { out: number; stride: number }): Feature {
  let inner = net.relu(net.batchNorm(net.conv(x, { out, kernel: 3, stride, pad: 1 })));
  inner = net.batchNorm(net.conv(inner, { out, kernel: 3, pad: 1 }), { gain: BRANCH_GAIN });
  const shortcut = stride === 1 ? x : net.batchNorm(net.conv(x, { out, kernel: 1, stride }));
  return net.relu(net.add(inner, shortcut));
}
