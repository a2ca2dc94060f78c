// Refuses to be part of a bundle, before anything else is loaded: a bundler follows imports, and not the files that
// threads are started from, nor the addon and what it finds beside itself. So it says at once what to set, where a run
// would fail at its first thread, or in a dependency with words of the bundler's.

import { statSync } from 'node:fs';
import { UsageError } from './errors.js';

/** What another thread is started from lies beside this module, unless this module was moved without it. */
function isWhole(): boolean {
  // In a bundle of CommonJS it is undefined. Not within `new URL`, which bundlers take for an asset of theirs.
  const here: string | undefined = import.meta.url;
  try {
    return here !== undefined && statSync(new URL('./compile/model-worker.js', here)).isFile();
  } catch (error) {
    // Where it may not be read it is there.
    return !['ENOENT', 'ENOTDIR', 'ERR_INVALID_URL', 'ERR_INVALID_URL_SCHEME'].includes(
      (error as NodeJS.ErrnoException).code ?? '',
    );
  }
}

if (!isWhole())
  throw new UsageError(
    'ortune is part of a bundle, and the files of its threads and its addon are not: leave it out of the bundle, and install it ' +
      "where the program runs. esbuild, Rollup and Vite: external: ['ortune'] (Vite: ssr.external); webpack: externals: " +
      "{ ortune: 'module ortune' }; Next.js: serverExternalPackages: ['ortune']",
  );
