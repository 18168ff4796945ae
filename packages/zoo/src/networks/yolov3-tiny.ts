import type { Network } from '../network.ts';
import { type ConvOptions, type Feature, NetworkBuild } from '../network-build.ts';

/** Three boxes a cell, each of four numbers, an objectness and 80 classes. */
const PREDICTIONS = 3 * (4 + 1 + 80);

/**
 * YOLOv3-tiny for COCO (Redmon, Farhadi 2018; `yolov3-tiny.cfg` of Darknet): 8.85 M parameters, input 416 × 416. Two outputs, the raw
 * predictions of 13 × 13 and of 26 × 26 cells; decoding them to boxes is not part of the graph.
 */
export function yolov3Tiny(): Network {
  const net = new NetworkBuild({
    name: 'yolov3-tiny',
    inputShape: [1, 3, 416, 416],
    source: 'Redmon, Farhadi, "YOLOv3: an incremental improvement", arXiv:1804.02767; yolov3-tiny.cfg of Darknet',
  });
  let x = net.input;
  for (const out of [16, 32, 64, 128]) x = net.maxPool(unit(net, x, { ...square, out }), { kernel: 2, stride: 2 });
  const fine = unit(net, x, { ...square, out: 256 });
  x = unit(net, net.maxPool(fine, { kernel: 2, stride: 2 }), { ...square, out: 512 });
  x = unit(net, net.maxPool(x, { kernel: 2, padEnd: 1 }), { ...square, out: 1024 });
  const coarse = unit(net, x, { kernel: 1, out: 256 });
  const up = net.upsample(unit(net, coarse, { kernel: 1, out: 128 }));
  return net.finish([predict(net, coarse, 512), predict(net, net.concat([up, fine]), 256)]);
}

const square = { kernel: 3, pad: 1 } as const;

function predict(net: NetworkBuild, x: Feature, width: number): Feature {
  return net.conv(unit(net, x, { ...square, out: width }), { kernel: 1, out: PREDICTIONS, bias: true });
}

function unit(net: NetworkBuild, x: Feature, conv: ConvOptions): Feature {
  return net.leakyRelu(net.batchNorm(net.conv(x, conv)), 0.1);
}
