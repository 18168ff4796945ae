import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { packModel } from '@d3/onnx';
import type { LayerGraph, Problem } from '@d3/partition';
import { inferShapes } from '@d3/runtime/node';
import { networks } from '@d3/zoo';

const ROOT: string = fileURLToPath(new URL('../../../../', import.meta.url));
const MODELS = process.env.D3_MODELS ?? `${ROOT}../shared/models`;

/** A network whose costs are simulated. */
export interface Subject {
  readonly network: string;
  readonly graph: LayerGraph;
}

/** One of the situations that every history is played in. */
export interface CellCosts {
  readonly slowdown: number;
  /** Keep the input and the first tenth of the layers on the device. */
  readonly keep: boolean;
}

/** 10^6 floating-point operations per ms: what one machine of the tests does, and a larger one. */
const EDGE_GFLOPS = 40;
const CLOUD_GFLOPS = 120;
const LAYER_MS = 0.02;
const FLOPS_PER_MS = 1e6;
/** A picture crosses as bytes instead of float32; activations as a bitmap and what is not zero. */
const INPUT_CODING = 0.25;
const ACTIVATION_CODING = 0.5;
/** From edge to cloud: 100 Mbit/s, 10 ms. It does not change. */
const BACKBONE = { upBytesPerMs: 12_500, downBytesPerMs: 12_500, delayMs: 10 };
const SOME_LINK = { upBytesPerMs: 1250, downBytesPerMs: 1250, delayMs: 20 };

/** The networks: SqueezeNet from the models' folder, if it is there, ResNet-18 and VGG-16 of the zoo. */
export async function networkSubjects(): Promise<Subject[]> {
  const subjects: Subject[] = [];
  const path = `${MODELS}/squeezenet1.1_fp32.onnx`;
  if (existsSync(path)) {
    const packed = await packModel(new Uint8Array(await readFile(path)), { name: 'squeezenet', infer: inferShapes });
    subjects.push({ network: 'squeezenet', graph: packed.manifest });
  } else {
    console.log(`SqueezeNet is left out: there is no ${path}; set D3_MODELS`);
  }
  subjects.push({ network: 'resnet18', graph: networks.resnet18().graph });
  subjects.push({ network: 'vgg16', graph: networks.vgg16().graph });
  return subjects;
}

/** The planning problem of a cell; the first hop is to be replaced by what is known of it. */
export function cellProblem(graph: LayerGraph, { slowdown, keep }: CellCosts): Problem {
  const msOf = (flops: number) => [
    (flops / (EDGE_GFLOPS * FLOPS_PER_MS) + LAYER_MS) * slowdown,
    flops / (EDGE_GFLOPS * FLOPS_PER_MS) + LAYER_MS,
    flops / (CLOUD_GFLOPS * FLOPS_PER_MS) + LAYER_MS,
  ];
  return {
    tiers: ['device', 'edge', 'cloud'],
    concurrency: [1, 1, 1],
    tierFixedMs: [0, 1, 1],
    layers: graph.layers.map((layer) => ({
      name: layer.name,
      kind: layer.kind,
      flops: layer.flops,
      weightBytes: layer.weightBytes,
      inputs: layer.inputs,
      outputs: layer.outputs,
      computeMs: msOf(layer.flops),
    })),
    tensors: graph.tensors.map((tensor) => {
      const coded = tensor.bytes * (tensor.isInput ? INPUT_CODING : ACTIVATION_CODING);
      return { ...tensor, codedBytes: [coded, coded] };
    }),
    hops: [SOME_LINK, BACKBONE],
    objective: 'latency',
    constraints: keep ? { keepOnDevice: Math.ceil(graph.layers.length / 10) } : {},
  };
}

/** A problem under another first hop; layers and tensors stay the same arrays. */
export function withFirstHop(problem: Problem, hop: Problem['hops'][number]): Problem {
  return { ...problem, hops: [hop, ...problem.hops.slice(1)] };
}
