import type { Network } from '../network.ts';
import { type Feature, NetworkBuild, type WindowOptions } from '../network-build.ts';

/** Darknet-53, the classifier behind YOLOv3 (Redmon, Farhadi 2018): 41.6 M parameters, input 256 × 256. */
export function darknet53(): Network {
  const net = new NetworkBuild('darknet53', [1, 3, 256, 256]);
  let x = unit(net, net.input, { out: 32, kernel: 3, pad: 1 });
  for (const [out, blocks] of [
    [64, 1],
    [128, 2],
    [256, 8],
    [512, 8],
    [1024, 4],
  ] as const) {
    x = unit(net, x, { out, kernel: 3, stride: 2, pad: 1 });
    for (let block = 0; block < blocks; block++) {
      const inner = unit(net, x, { out: out / 2, kernel: 1 });
      x = net.add(unit(net, inner, { out, kernel: 3, pad: 1 }), x);
    }
  }
  return net.finish([net.gemm(net.flatten(net.globalAveragePool(x)), 1000)]);
}

function unit(net: NetworkBuild, x: Feature, window: WindowOptions & { readonly out: number }): Feature {
  return net.leakyRelu(net.batchNorm(net.conv(x, window)), 0.1);
}
