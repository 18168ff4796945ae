import type { Network } from '../network.ts';
import { NetworkBuild } from '../network-build.ts';

/** VGG-16 (Simonyan, Zisserman 2014, configuration D): 138.36 M parameters, input 224 × 224. */
export function vgg16(): Network {
  const net = new NetworkBuild({
    name: 'vgg16',
    inputShape: [1, 3, 224, 224],
    source: 'Simonyan, Zisserman, "Very deep convolutional networks", arXiv:1409.1556, configuration D',
  });
  let x = net.input;
  const blocks = [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ];
  for (const block of blocks) {
    for (const out of block) x = net.relu(net.conv(x, { out, kernel: 3, pad: 1, bias: true }));
    x = net.maxPool(x, { kernel: 2, stride: 2 });
  }
  x = net.relu(net.gemm(net.flatten(x), 4096));
  x = net.relu(net.gemm(x, 4096));
  return net.finish([net.gemm(x, 1000)]);
}
