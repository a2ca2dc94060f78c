// Models that come with ortune, by their names: `tiny-en`. Each is a package of its own, so that a program that brings
// another model does not have them; in a clone they lie in models/. Nothing is installed here: what is missing is named
// with the command that brings it.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { packageRoot } from '../built.js';
import { ModelError } from '../errors.js';
import { toInstall } from '../package-manager.js';
import { packageFolder } from '../runtime/platform.js';

/** Their names; scripts/pack/pack.mjs makes a package of each. */
export const packagedModels: readonly string[] = ['tiny-en', 'tiny-emoji'];

const packageOf = (name: string): string => `@ortune/model-${name}`;

/**
 * The directory of a packaged model; undefined for every other name, and where such a path exists.
 * @throws ModelError where its package is not installed
 */
export function packagedModel(name: string): string | undefined {
  if (!packagedModels.includes(name) || existsSync(name)) return undefined;
  const cloned = path.join(packageRoot, 'models', name);
  if (existsSync(cloned)) return cloned;
  const folder = packageFolder(packageOf(name)) ?? besideApplication(packageOf(name));
  if (folder !== undefined) return folder;
  throw new ModelError(
    `the model ${name} is in the package ${packageOf(name)}, which is not installed; install it with '${toInstall(packageOf(name))}'`,
  );
}

/** Package managers that keep packages apart show ortune only what ortune depends on. */
function besideApplication(name: string): string | undefined {
  try {
    return path.dirname(createRequire(path.resolve('package.json')).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}
