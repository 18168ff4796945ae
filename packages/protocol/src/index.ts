/**
 * What tiers say to each other: control messages (JSON), tensor frames (binary), tensor codecs, and the binary tensors of
 * the Open Inference Protocol. Pure: bytes in, bytes out.
 *
 * @packageDocumentation
 */
export { ArrivalLog, type FrameTiming } from './arrival-log.ts';
export { BufferPool, type BufferPoolOptions } from './buffer-pool.ts';
export { checkExpected, type ExpectedTensor } from './check-table.ts';
export { type CodedTensor, chooseCodec, codeTensor } from './code-tensor.ts';
export type {
  BoundaryTiming,
  Control,
  ControlMap,
  ControlNotices,
  FrameArrivals,
  Hello,
  HopTiming,
  Limits,
  PingBody,
  PingReply,
  Proposal,
  Ready,
  SegmentTiming,
  Welcome,
} from './control.ts';
export { type EncodedFrame, type EncodeFrameOptions, encodeFrame, type FrameStart } from './encode-frame.ts';
export { protocolErrorTable } from './errors.ts';
export type { FrameHeader, FrameKind, TensorCodec, WireTensor } from './frame.ts';
export {
  type AssembledFrame,
  FrameAssembler,
  type FrameAssemblerOptions,
  type FrameEvent,
  type RejectedFrame,
} from './frame-assembler.ts';
export type { FrameLimits } from './frame-limits.ts';
export { encodeHeader, parseHeader } from './header-message.ts';
export { datatypeOf, type InferDatatype } from './infer/datatype.ts';
export type { InferHeaders, InferHttp, InferLimits } from './infer/infer-body.ts';
export {
  encodeInferRequest,
  type InferRequest,
  type InferRequestInit,
  parseInferRequest,
  type RequestedOutput,
} from './infer/infer-request.ts';
export { encodeInferResponse, type InferResponse, parseInferResponse } from './infer/infer-response.ts';
export { PingAnswerer } from './link/answer-pings.ts';
export { linkErrorTable } from './link/errors.ts';
export { timedNotice } from './link/frame-transfer.ts';
export { LinkClient, type LinkNotice, type LinkOptions, type ResultSink } from './link/link-client.ts';
export { LinkMonitor } from './link/link-monitor.ts';
export { frameBytes, type LinkRequest, type LinkResult, spentBehind } from './link/link-request.ts';
export { openLink } from './link/open-link.ts';
export type { ReplyOptions } from './link/pending-replies.ts';
export { type SendLimits, SendQueue } from './link/send-queue.ts';
export type { LinkCloseEvent, LinkMessageEvent, LinkSocket } from './link/socket.ts';
export { type MessagePrefix, PREFIX_BYTES, readPrefix, relabelMessage } from './message.ts';
export { type ControlLimits, encodeControl, parseControl } from './parse-control.ts';
export { stalledFrame } from './stalled-frame.ts';
