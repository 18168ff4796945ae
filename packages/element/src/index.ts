/**
 * `<d3-infer>` and the parts it is made of. Importing this module defines the elements.
 *
 * @packageDocumentation
 */
export { AnswerList } from './answer-list.ts';
export { type ConnectAttributes, parseConnectAttributes } from './connect-attributes.ts';
export { D3Infer, type ResultDetail } from './d3-infer.ts';
export { describeNews } from './describe-news.ts';
export { DrawPad } from './draw-pad.ts';
export { elementErrorTable } from './errors.ts';
export { FeatureMaps } from './feature-maps.ts';
export { formatBytes, formatMs } from './format.ts';
export { PictureInput } from './picture-input.ts';
export { followSession, type NewsListener, type SessionNews } from './session-news.ts';
export { SplitView } from './split-view.ts';
