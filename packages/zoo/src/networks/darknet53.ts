import type { Network } from '../network.ts';
import { type ConvOptions, type Feature, NetworkBuild } from '../network-build.ts';

/** 23 branches that each add a twenty-third leave the activations about as large as they were. */
const BRANCH_GAIN = Math.sqrt(1 / 23);

/** Darknet-53, the classifier behind YOLOv3 (Redmon, Farhadi 2018): 41.6 M parameters, input 256 × 256. */
export function darknet53(): Network {
  const net = new NetworkBuild({
    name: 'darknet53',
    inputShape: [1, 3, 256, 256],
    source: 'Redmon, Farhadi, "YOLOv3: an incremental improvement", arXiv:1804.02767, Table 1',
  });
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
      x = net.add(unit(net, inner, { out, kernel: 3, pad: 1, gain: BRANCH_GAIN }), x);
    }
  }
  return net.finish([net.gemm(net.flatten(net.globalAveragePool(x)), 1000)]);
}

function unit(net: NetworkBuild, x: Feature, { gain = 1, ...conv }: ConvOptions): Feature {
  return net.leakyRelu(net.batchNorm(net.conv(x, conv), { gain }), 0.1);
}
