/** What a {@link D3Error} becomes when it crosses a worker or a socket. */
export interface D3ErrorJson {
  readonly name: 'D3Error';
  readonly code: string;
  readonly message: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Everything about a {@link D3Error} but its text. */
export interface D3ErrorInit {
  /** HTTP status a server answers with. */
  readonly status: number;
  /** Whether the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** The values named in the text, as plain JSON. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An expected failure: bad input, a lost peer, a limit. A caller's bug is a native `TypeError` or `RangeError` instead.
 *
 * Recognise one with {@link isD3Error} and `code`, not `instanceof`: errors cross workers and sockets, where classes
 * do not. Codes are listed in docs/errors.md.
 */
export class D3Error extends Error {
  override readonly name = 'D3Error';
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, init: D3ErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.status = init.status;
    this.retryable = init.retryable;
    this.details = init.details;
  }

  /** A structured-clone- and JSON-safe form; the cause and the stack stay behind. */
  toJSON(): D3ErrorJson {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      status: this.status,
      retryable: this.retryable,
      details: this.details,
    };
  }

  /** Rebuilds an error that crossed a worker or a socket as {@link D3ErrorJson}. */
  static fromJSON(json: D3ErrorJson, cause?: unknown): D3Error {
    return new D3Error(json.code, json.message, {
      status: json.status,
      retryable: json.retryable,
      details: json.details,
      cause,
    });
  }
}

/** Whether `value` is a {@link D3Error}, of this realm or another, with `code` if one is given. */
export function isD3Error(value: unknown, code?: string): value is D3Error {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as { name?: unknown; code?: unknown };
  return candidate.name === 'D3Error' && (code === undefined || candidate.code === code);
}
