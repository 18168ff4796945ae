import type { Network } from '../network.ts';
import { NetworkBuild } from '../network-build.ts';

/** AlexNet as torchvision has it (Krizhevsky 2014, "One weird trick"): 61.10 M parameters, input 224 × 224. */
export function alexnet(): Network {
  const net = new NetworkBuild({
    name: 'alexnet',
    inputShape: [1, 3, 224, 224],
    source:
      'Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997; as in torchvision',
  });
  const pool = { kernel: 3, stride: 2 };
  let x = net.relu(net.conv(net.input, { out: 64, kernel: 11, stride: 4, pad: 2, bias: true }));
  x = net.relu(net.conv(net.maxPool(x, pool), { out: 192, kernel: 5, pad: 2, bias: true }));
  x = net.maxPool(x, pool);
  for (const out of [384, 256, 256]) x = net.relu(net.conv(x, { out, kernel: 3, pad: 1, bias: true }));
  x = net.flatten(net.maxPool(x, pool));
  x = net.relu(net.gemm(x, 4096));
  x = net.relu(net.gemm(x, 4096));
  return net.finish([net.gemm(x, 1000)]);
}
