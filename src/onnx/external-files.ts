// The files with a model's external data, as they were when it was opened. Weights that are not trained are read when
// the model is written, hours later, and nothing but this would tell that the files have become others since. A file
// whose size, times and place are the same is the same; where they differ its content decides, if that was hashed.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { ModelError } from '../errors.js';

interface Known {
  identity: string;
  sha256?: string;
}

export class ExternalFiles {
  readonly #known = new Map<string, Known>();

  /** Takes a file for what it is now; `file` is a real path. */
  note(file: string): void {
    if (!this.#known.has(file)) this.#known.set(file, { identity: identityOf(file) });
  }

  /** What a file has been found to hold, so that one that was only touched is not taken for another. */
  noteHash(file: string, sha256: string): void {
    this.refuseChanged(file);
    const known = this.#known.get(file);
    if (known) known.sha256 = sha256;
  }

  /** @throws ModelError for a file that is no longer what it was */
  refuseChanged(file: string): void {
    const known = this.#known.get(file);
    if (!known) return;
    const identity = identityOf(file);
    if (identity === known.identity) return;
    if (known.sha256 !== undefined && identity !== '' && hashOf(file) === known.sha256) {
      known.identity = identity;
      return;
    }
    throw new ModelError(
      `${file} has changed since the model was opened, and weights that are not trained are read from it: ` +
        'they would be others than those of the run. Put the file back as it was.',
    );
  }
}

/** '' for a file that is gone. */
function identityOf(file: string): string {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false });
  return found ? [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(':') : '';
}

function hashOf(file: string): string {
  const fd = openSync(file, 'r');
  try {
    const hash = createHash('sha256');
    const piece = Buffer.allocUnsafe(8 * 2 ** 20);
    for (let count = 1; count > 0; ) {
      count = readSync(fd, piece, 0, piece.length, null);
      hash.update(piece.subarray(0, count));
    }
    return hash.digest('hex');
  } finally {
    closeSync(fd);
  }
}
