import type { D3ErrorJson } from '@d3/errors';
import type { Objective } from '@d3/partition';
import type { LinkEstimate, TierProfile } from '@d3/profile';

/** First message on a link, from the nearer tier. */
export interface Hello {
  readonly protocol: 1;
  /** Tier that speaks, e.g. `device`. */
  readonly tier: string;
  readonly agent: string;
  readonly token?: string;
  readonly profile?: TierProfile;
  /** Hash of the golden run: backend, instruction set and runtime version in one value. */
  readonly numericClass: string;
}

/** What a server accepts, so that a client can fail early and clearly. */
export interface Limits {
  readonly maxTensorBytes: number;
  readonly maxFrameBytes: number;
  readonly maxInFlight: number;
}

/** Answer to {@link Hello}: the speaker's tier and all behind it, nearest first. */
export interface Welcome {
  readonly protocol: 1;
  readonly tiers: readonly {
    readonly profile: TierProfile;
    readonly numericClass: string;
    /** Where a device may reach it directly; absent if it may not. */
    readonly url?: string;
  }[];
  /** Hop k lies between `tiers[k]` and `tiers[k + 1]`. */
  readonly links: readonly LinkEstimate[];
  readonly limits: Limits;
  /** Models it can serve: name → hash. */
  readonly models: Readonly<Record<string, string>>;
}

/** Asks to prepare an epoch: every tier takes the layers that are its own. */
export interface Proposal {
  readonly epoch: number;
  /** Hash of the packed model, as its manifest states it. */
  readonly model: string;
  /** Tier names, device first; the same order as `tierOf` indexes. */
  readonly tiers: readonly string[];
  /** Tier index of each layer of the manifest. */
  readonly tierOf: readonly number[];
  readonly objective: Objective;
}

/** An epoch is warm on this tier and all behind it. */
export interface Ready {
  readonly epoch: number;
  /** Time it took, by tier. */
  readonly preparedMs: Readonly<Record<string, number>>;
}

/** Time of one segment of one request. */
export interface SegmentTiming {
  readonly tier: string;
  readonly backend: string;
  /** Layer indices that ran. */
  readonly layers: readonly number[];
  readonly computeMs: number;
  /** Waited for a free worker. */
  readonly queueMs: number;
  /** Slowed on purpose by this factor; 1 is real. */
  readonly slowdown: number;
}

/** One hop of one request. */
export interface HopTiming {
  /** `device-edge`, say. */
  readonly hop: string;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Request sent to result received, less the time spent behind the hop. */
  readonly ms: number;
}

/** What a tensor took on the wire. */
export interface BoundaryTiming {
  readonly name: string;
  readonly bytes: number;
  readonly codedBytes: number;
  readonly codec: string;
}

/** Asks for a {@link PingReply}. */
export interface PingBody {
  readonly sentMs: number;
  readonly padding?: string;
  /** At most 65,536. */
  readonly answerBytes?: number;
}

/** Answer to a {@link PingBody}. */
export interface PingReply {
  readonly sentMs: number;
  /** When the ping came, by the answerer's clock, of which only differences mean something. */
  readonly receivedMs: number;
  readonly padding?: string;
}

/** When a frame that went up came: what its receiver noted, for the sender's estimate of the link. */
export interface FrameArrivals {
  readonly request: number;
  /** Milliseconds since its header message came, and bytes that had come by then, in order; at most 64. */
  readonly arrivals: readonly (readonly [number, number])[];
}

/**
 * Control messages that get an answer: `{message: [request, response]}`. Each travels as JSON text
 * `{type, id, body}`; the answer as `{type, id, reply}` or `{type, id, error: D3ErrorJson}`.
 */
export interface ControlMap {
  hello: [Hello, Welcome];
  propose: [Proposal, Ready];
  /** Frees an epoch once its last request has ended. */
  release: [{ readonly epoch: number }, Record<string, never>];
  /**
   * Times a round trip; with `padding` (ignored, at most 131,072 characters) a transfer there, with `answerBytes` one back: the
   * answer then has a padding of so many characters. Probes are trains of these.
   */
  ping: [PingBody, PingReply];
}

/** Control messages without an answer. */
export interface ControlNotices {
  /** Stop working on a request; its result is not wanted. Nothing answers. */
  cancel: { readonly request: number };
  /** A request failed behind this hop. */
  failed: { readonly request: number; readonly error: D3ErrorJson };
  /** A message could not be understood, so nobody knows which request it was of. Nothing else on the link is lost. */
  refused: { readonly error: D3ErrorJson };
  /**
   * A tier came or went, a model changed, or a load or a link left its band: all tiers from the speaker on, nearest first, the links
   * between them and, name → hash, the models that can be had now. Stands for what welcome or an earlier one said.
   */
  status: {
    readonly profiles: readonly TierProfile[];
    readonly links: readonly LinkEstimate[];
    readonly models?: Readonly<Record<string, string>>;
  };
  /** A request frame of 16 kB or more has come in full. */
  timed: FrameArrivals;
  /** The server is going away: finish what runs, start nothing new. */
  draining: { readonly reason: string };
}

/** A parsed control message. */
export type Control =
  | { [T in keyof ControlMap]: { type: T; id: number; body: ControlMap[T][0] } }[keyof ControlMap]
  | { [T in keyof ControlMap]: { type: T; id: number; reply: ControlMap[T][1] } }[keyof ControlMap]
  | { type: keyof ControlMap; id: number; error: D3ErrorJson }
  | { [T in keyof ControlNotices]: { type: T; notice: ControlNotices[T] } }[keyof ControlNotices];
