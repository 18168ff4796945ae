import type { Network } from '../network.ts';
import { type Feature, NetworkBuild, type WindowOptions } from '../network-build.ts';

/** A convolution with batch norm and ReLU. */
type Unit = WindowOptions & { readonly out: number };

/** Inception-v4 (Szegedy et al. 2016): 42.68 M parameters, input 299 × 299, about 490 nodes. */
export function inceptionV4(): Network {
  const net = new InceptionBuild();
  let x = net.stem();
  for (let block = 0; block < 4; block++) x = net.blockA(x);
  x = net.reductionA(x);
  for (let block = 0; block < 7; block++) x = net.blockB(x);
  x = net.reductionB(x);
  for (let block = 0; block < 3; block++) x = net.blockC(x);
  return net.finish(x);
}

const reduce = { kernel: 3, stride: 2 } as const;
const square = { kernel: 3, pad: 1 } as const;
const row7 = { kernel: [1, 7], pad: [0, 3] } as const;
const column7 = { kernel: [7, 1], pad: [3, 0] } as const;
const row3 = { kernel: [1, 3], pad: [0, 1] } as const;
const column3 = { kernel: [3, 1], pad: [1, 0] } as const;
const point = { kernel: 1 } as const;

class InceptionBuild {
  readonly #net = new NetworkBuild({
    name: 'inception-v4',
    inputShape: [1, 3, 299, 299],
    source: 'Szegedy et al., "Inception-v4, Inception-ResNet", arXiv:1602.07261; as in timm',
  });

  stem(): Feature {
    const net = this.#net;
    let x = this.#units(net.input, [
      { ...reduce, out: 32 },
      { kernel: 3, out: 32 },
      { ...square, out: 64 },
    ]);
    x = net.concat([net.maxPool(x, reduce), this.#units(x, [{ ...reduce, out: 96 }])]);
    x = net.concat([
      this.#units(x, [
        { ...point, out: 64 },
        { kernel: 3, out: 96 },
      ]),
      this.#units(x, [
        { ...point, out: 64 },
        { ...row7, out: 64 },
        { ...column7, out: 64 },
        { kernel: 3, out: 96 },
      ]),
    ]);
    return net.concat([this.#units(x, [{ ...reduce, out: 192 }]), net.maxPool(x, reduce)]);
  }

  blockA(x: Feature): Feature {
    return this.#net.concat([
      this.#units(x, [{ ...point, out: 96 }]),
      this.#units(x, [
        { ...point, out: 64 },
        { ...square, out: 96 },
      ]),
      this.#units(x, [
        { ...point, out: 64 },
        { ...square, out: 96 },
        { ...square, out: 96 },
      ]),
      this.#pooled(x, 96),
    ]);
  }

  reductionA(x: Feature): Feature {
    return this.#net.concat([
      this.#units(x, [{ ...reduce, out: 384 }]),
      this.#units(x, [
        { ...point, out: 192 },
        { ...square, out: 224 },
        { ...reduce, out: 256 },
      ]),
      this.#net.maxPool(x, reduce),
    ]);
  }

  blockB(x: Feature): Feature {
    const long = [
      { ...point, out: 192 },
      { ...column7, out: 192 },
      { ...row7, out: 224 },
      { ...column7, out: 224 },
      { ...row7, out: 256 },
    ];
    return this.#net.concat([
      this.#units(x, [{ ...point, out: 384 }]),
      this.#units(x, [
        { ...point, out: 192 },
        { ...row7, out: 224 },
        { ...column7, out: 256 },
      ]),
      this.#units(x, long),
      this.#pooled(x, 128),
    ]);
  }

  reductionB(x: Feature): Feature {
    return this.#net.concat([
      this.#units(x, [
        { ...point, out: 192 },
        { ...reduce, out: 192 },
      ]),
      this.#units(x, [
        { ...point, out: 256 },
        { ...row7, out: 256 },
        { ...column7, out: 320 },
        { ...reduce, out: 320 },
      ]),
      this.#net.maxPool(x, reduce),
    ]);
  }

  blockC(x: Feature): Feature {
    const short = this.#units(x, [{ ...point, out: 384 }]);
    const long = this.#units(x, [
      { ...point, out: 384 },
      { ...column3, out: 448 },
      { ...row3, out: 512 },
    ]);
    return this.#net.concat([
      this.#units(x, [{ ...point, out: 256 }]),
      this.#units(short, [{ ...row3, out: 256 }]),
      this.#units(short, [{ ...column3, out: 256 }]),
      this.#units(long, [{ ...row3, out: 256 }]),
      this.#units(long, [{ ...column3, out: 256 }]),
      this.#pooled(x, 256),
    ]);
  }

  finish(x: Feature): Network {
    const net = this.#net;
    return net.finish([net.gemm(net.flatten(net.globalAveragePool(x)), 1000)]);
  }

  #pooled(x: Feature, out: number): Feature {
    return this.#units(this.#net.averagePool(x, { ...square, stride: 1 }), [{ ...point, out }]);
  }

  #units(x: Feature, units: readonly Unit[]): Feature {
    const net = this.#net;
    return units.reduce((feature, unit) => net.relu(net.batchNorm(net.conv(feature, unit), { epsilon: 1e-3 })), x);
  }
}
