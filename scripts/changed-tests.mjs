// Which tests a change concerns. Of a source file src/x/y.ts: those of test/x that reach it by imports, and those that
// are nearest to it in the import graph wherever they lie (direct importers, else importers of its importers). With
// `deep` all that reach it, which is most of them for most files. Kernels concern the tests of the addon and of
// test/runtime.

import { dirname } from 'node:path';
import { namersOf, withFolders } from './import-graph.mjs';

/** A change to these may concern anything. */
const everywhere =
  /^(package(-lock)?\.json|tsconfig(\.test)?\.json|vitest\.config\.ts|CMakeLists\.txt|scripts\/build-native\.mjs)$/;
const isTest = (file) => file.endsWith('.test.ts');

/**
 * `files` and `changed` are paths relative to `root`; changed ones may be gone.
 * @returns {{ everything?: string, native: boolean, tests: string[] }} `everything`: a file that may concern all tests;
 * what follows is of the others then
 */
export function testsFor(changed, files, root, { deep = false } = {}) {
  const namers = namersOf(root, files);
  const tests = new Set();
  let native = false;
  for (const file of changed) {
    const inFolder = (folder) =>
      [...files].filter((test) => isTest(test) && `${dirname(test)}/`.startsWith(`${folder}/`));
    if (/^(native|test\/native)\//.test(file)) {
      native = true;
      if (file.startsWith('native/')) for (const test of inFolder('test/runtime')) tests.add(test);
    } else if (file.endsWith('.md')) tests.add('test/docs.test.ts');
    const starts = withFolders(file);
    // What nobody names, such as the script that made a fixture, concerns those that what lies beside it concerns.
    if (file.startsWith('test/') && !isTest(file) && !starts.some((start) => namers.has(start)))
      starts.push(...[...files].filter((other) => dirname(other) === dirname(file)));
    const distances = distancesFrom(starts, namers);
    const mirrored = /^src\/.*\//.test(file) ? inFolder(dirname(file).replace(/^src/, 'test')) : [];
    for (const test of mirrored) if (distances.has(test)) tests.add(test);
    for (const test of reached(distances, deep)) tests.add(test);
  }
  const everything = changed.find((file) => everywhere.test(file));
  return { ...(everything && { everything }), native, tests: [...tests].filter((test) => files.has(test)).sort() };
}

/** The nearest tests, or all. */
function reached(distances, deep) {
  const found = [...distances].filter(([test]) => isTest(test));
  const nearest = Math.min(...found.map(([, distance]) => distance));
  return found.filter(([, distance]) => deep || distance === nearest).map(([test]) => test);
}

/** How many source files lie between these and each file that reaches them; a test's own helpers do not count. */
function distancesFrom(starts, namers) {
  const distances = new Map(starts.map((start) => [start, 0]));
  for (const at of distances.keys())
    for (const namer of namers.get(at) ?? []) {
      const distance = distances.get(at) + (namer.startsWith('test/') ? 0 : 1);
      if (distance >= (distances.get(namer) ?? Number.POSITIVE_INFINITY)) continue;
      distances.delete(namer); // Goes to the end, so that what names it is looked at again.
      distances.set(namer, distance);
    }
  return distances;
}
