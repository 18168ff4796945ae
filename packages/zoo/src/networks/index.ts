import type { Network } from '../network.ts';
import { alexnet } from './alexnet.ts';
import { darknet53 } from './darknet53.ts';
import { inceptionV4 } from './inception-v4.ts';
import { resnet18 } from './resnet18.ts';
import { vgg16 } from './vgg16.ts';

/** Builders of the paper's five networks, by name. */
export const networks: Readonly<Record<NetworkName, () => Network>> = {
  alexnet,
  vgg16,
  resnet18,
  darknet53,
  'inception-v4': inceptionV4,
};

/** Names of the networks that the zoo builds. */
export type NetworkName = 'alexnet' | 'vgg16' | 'resnet18' | 'darknet53' | 'inception-v4';
