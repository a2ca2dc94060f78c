// Links of the Hugging Face cache, the only ones that may lead out of a model's directory.

import { realpathSync } from 'node:fs';
import { dirname, sep } from 'node:path';

/**
 * Whether a link is one of the Hugging Face cache: REPOSITORY/snapshots/REVISION/…/file, whose content lies in
 * REPOSITORY/blobs. No other way out of the folder is one, also none by a `blobs` that is a link itself.
 *
 * @param real where the link leads in the end
 */
export function isCacheLink(link: string, real: string): boolean {
  const folders = realpathSync(dirname(link)).split(sep);
  const at = folders.lastIndexOf('snapshots');
  if (at <= 0 || at === folders.length - 1) return false;
  return dirname(real) === [...folders.slice(0, at), 'blobs'].join(sep);
}
