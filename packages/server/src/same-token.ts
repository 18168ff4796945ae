import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether a token is the right one, in a time that does not tell how much of it is right. */
export function sameToken(given: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given ?? ''), digest(token));
}
