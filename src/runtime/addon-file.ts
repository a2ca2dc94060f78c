// Where the addon is: in build/Release where it was built on this machine, which wins, since somebody asked for it;
// else in the package for this platform, an optional dependency that package managers choose by `os`, `cpu` and `libc`.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../built.js';
import { OrtuneError } from '../errors.js';
import { toInstall, toRun } from '../package-manager.js';
import { hasPackages, inClone, isMusl, packageFolder, platformName, platformPackage } from './platform.js';

const built = path.join(packageRoot, 'build', 'Release', 'ortune.node');

/** The addon of this machine; undefined where there is none. */
export function findAddon(): string | undefined {
  if (existsSync(built)) return built;
  const folder = packageFolder(platformPackage('addon'));
  return folder === undefined ? undefined : path.join(folder, 'ortune.node');
}

/** The sentence that says how to build the addon on this machine. */
export const toBuild = (): string =>
  `To build it on this machine, run '${inClone() ? 'npm run build:addon' : toRun('build-addon')}'.`;

/** What a system with musl in the place of glibc is told: there is no way but another image. */
export const noMusl =
  "this system's C library is musl (Alpine Linux), and ONNX Runtime's package has libraries for glibc alone; use an " +
  'image with glibc, such as node:22-slim in the place of node:22-alpine';

/** The addon of this machine. @throws OrtuneError where it is not installed, with the commands that bring it */
export function addonFile(): string {
  const found = findAddon();
  if (found !== undefined) return found;
  if (isMusl()) throw new OrtuneError(`ortune cannot run here: ${noMusl}.`);
  if (inClone()) throw new OrtuneError(`the native addon is missing (${built}). ${toBuild()}`);
  if (!hasPackages()) throw new OrtuneError(`there is no ready addon for ${platformName()}. ${toBuild()}`);
  const name = platformPackage('addon');
  throw new OrtuneError(
    `the native addon for ${platformName()} is not installed: the optional dependency ${name} is missing, as it is ` +
      'where optional dependencies were left out or node_modules comes from another platform. ' +
      `Install again on this machine, or run '${toInstall(name)}'. ${toBuild()}`,
  );
}
