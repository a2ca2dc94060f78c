// Which files of the repository a file names: its imports, the workers it starts, the programs and fixtures it runs or
// reads. Found in the text, without a compiler: every string that resolves to a file of the repository counts, or to a
// folder of test/ (a template counts up to its first value); imports of types alone do not. Built code stands for its
// source: '#ortune/x.js' and 'dist/x.js' are src/x.ts, and so is the 'x.js' of builtFile('x.js').

import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const source = /\.(ts|mjs)$/;
const typesOnly = /^(?:import|export) type\b[^;]*;/gm;
const strings = /(['"`])([^'"`\n]+)\1/g;

/** A file, and the folders of test/ that it is in, such as test/fixtures/cnn. */
export const withFolders = (file) => [
  file,
  ...file.split('/').flatMap((_, i, parts) => (parts[0] === 'test' && i > 2 ? [parts.slice(0, i).join('/')] : [])),
];

/** What `file` names out of `files`, all relative to `root`. */
function namedIn(root, file, files) {
  const text = readFileSync(join(root, file), 'utf8').replace(typesOnly, '');
  const named = new Set();
  for (const [, , string] of text.matchAll(strings)) {
    const target = resolved(string, dirname(file), files);
    if (target && target !== file) named.add(target);
  }
  return named;
}

function resolved(string, directory, files) {
  if (string === 'ortune') return 'src/index.ts';
  const start = string.replace(/\/?(\$\{.*)?$/, '');
  const path = start.startsWith('.')
    ? normalize(join(directory, start))
    : start.replace(/^(?:#ortune|dist)\//, 'src/').replace(/^\//, '');
  const sources = [path, `src/${path}`].map((file) => file.replace(/\.js$/, '.ts'));
  return [path, ...sources].find((candidate) => files.has(candidate));
}

/** For each file, and folder of test/, the files that name it. */
export function namersOf(root, files) {
  const namers = new Map();
  const known = new Set([...files].flatMap(withFolders));
  for (const file of files)
    if (source.test(file))
      for (const target of namedIn(root, file, known)) namers.set(target, [...(namers.get(target) ?? []), file]);
  return namers;
}
