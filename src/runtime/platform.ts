// The platforms that ortune is built for, and what the packages are called that hold files of one: the addon, the
// runtime. Their names are `@ortune/addon-linux-x64` and the like; scripts/pack/pack.mjs makes them.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { isNonGlibcLinuxSync } from 'detect-libc';
import { packageRoot } from '../built.js';

/** Those that the runtime's package has a library for. */
export const platforms = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64'] as const;

/** This machine's, as Node names it; with the C library where that is musl, which the runtime is not built for. */
export function platformName(): string {
  const name = `${process.platform}-${process.arch}`;
  return isMusl() ? `${name}-musl` : name;
}

/** Whether the C library is musl (Alpine). */
export const isMusl = (): boolean => isNonGlibcLinuxSync();

export const hasPackages = (): boolean => (platforms as readonly string[]).includes(platformName());

export const platformPackage = (what: 'addon' | 'runtime'): string => `@ortune/${what}-${platformName()}`;

/** In a clone the sources lie beside the built code. */
export const inClone = (): boolean => existsSync(path.join(packageRoot, 'src/runtime'));

const require = createRequire(import.meta.url);

/** The folder of a package that is installed where ortune sees it; undefined where there is none. */
export function packageFolder(name: string): string | undefined {
  try {
    return path.dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}
