import type { Network } from '../network.ts';
import { alexnet } from './alexnet.ts';
import { darknet53 } from './darknet53.ts';
import { deitTiny } from './deit-tiny.ts';
import { inceptionV4 } from './inception-v4.ts';
import { mobilenetV2 } from './mobilenet-v2.ts';
import { resnet18 } from './resnet18.ts';
import { vgg16 } from './vgg16.ts';
import { yolov3Tiny } from './yolov3-tiny.ts';

/** Builders of the paper's five networks, and of three more: depthwise, with dense outputs, with attention. */
export const networks: Readonly<Record<NetworkName, () => Network>> = {
  alexnet,
  vgg16,
  resnet18,
  darknet53,
  'inception-v4': inceptionV4,
  'mobilenet-v2': mobilenetV2,
  'yolov3-tiny': yolov3Tiny,
  'deit-tiny': deitTiny,
};

/** Names of the networks that the zoo builds. */
export type NetworkName =
  | 'alexnet'
  | 'vgg16'
  | 'resnet18'
  | 'darknet53'
  | 'inception-v4'
  | 'mobilenet-v2'
  | 'yolov3-tiny'
  | 'deit-tiny';
