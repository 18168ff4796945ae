/** A body that is longer than its receiver expects. */
export class BodyTooLong extends Error {
  override readonly name = 'BodyTooLong';
  constructor(maxBytes: number) {
    super(`it is longer than ${maxBytes} bytes`);
  }
}

/** What {@link readBody} tells of each chunk as it comes. */
export type HearChunk = (bytes: number) => void;

/**
 * Reads a response into memory, and stops at `maxBytes`.
 *
 * @param onBytes - told the size of each chunk as it comes
 * @throws BodyTooLong; whatever the stream throws
 */
export async function readBody(
  response: Response,
  maxBytes: number,
  onBytes?: HearChunk,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    chunks.push(part.value);
    length += part.value.byteLength;
    onBytes?.(part.value.byteLength);
    if (length > maxBytes) {
      await reader?.cancel();
      throw new BodyTooLong(maxBytes);
    }
  }
  return join(chunks, length);
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** SHA-256 in lower-case hex. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
