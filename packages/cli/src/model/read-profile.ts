import { parseProfile, type StoredProfile } from '@d3/profile';
import { readFileBytes } from './read-file.ts';

/**
 * A profile file of any machine.
 *
 * @throws D3Error `CLI_FILE_UNREADABLE`, `PROFILE_FILE_…`
 */
export async function readProfile(path: string): Promise<StoredProfile> {
  return parseProfile(new TextDecoder().decode(await readFileBytes(path, 'a profile that d3 profile -o wrote')));
}
