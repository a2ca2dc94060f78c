#!/usr/bin/env node
// Checks (or with --write, formats) the C++ sources with clang-format: the npm package's binary where it carries one
// for this machine, else the system's. Says so and passes when there is neither: the style is not worth a failed check
// on a machine that cannot check it.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

const works = (command) => spawnSync(command, ['--version']).status === 0;

// The package's first: its version is pinned, and versions disagree about style.
function findClangFormat() {
  const candidates = ['clang-format'];
  try {
    const folder = path.dirname(require.resolve('clang-format/package.json'));
    candidates.unshift(path.join(folder, 'bin', `${process.platform}_${process.arch}`, 'clang-format'));
  } catch {
    // Not installed: the system's may still be there.
  }
  return candidates.find(works);
}

const files = ['native', 'test/native', 'test/support']
  .map((folder) => path.join(root, folder))
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name)))
  .filter((name) => /\.(cc|h)$/.test(name));

const command = findClangFormat();
if (command === undefined) {
  console.log(`clang-format is not available here: ${files.length} C++ files were not checked`);
} else {
  const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror'];
  const result = spawnSync(command, ['--style=file', ...mode, ...files], { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) {
    console.error('C++ files differ from clang-format; run: npm run format');
    process.exit(1);
  }
}
