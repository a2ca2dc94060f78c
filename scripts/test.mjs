// `npm test`: builds, then runs the kernels' tests and vitest. `npm test -- --changed` runs what a change concerns
// (changed-tests.mjs).
//   node scripts/test.mjs [VITEST ARGUMENTS...]
//   node scripts/test.mjs --changed[=REF] [--deep] [--list] [VITEST ARGUMENTS...]
// --changed: files that differ from HEAD, new ones included; =REF: from where REF and HEAD part. --deep: all tests that
// reach a changed file by imports, not the nearest only. --list: says which, and runs nothing.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testsFor } from './changed-tests.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const given = process.argv.slice(2);
const flag = (name) => given.find((argument) => argument === name || argument.startsWith(`${name}=`));
const [changed, deep, list] = ['--changed', '--deep', '--list'].map(flag);
const rest = given.filter((argument) => ![changed, deep, list].includes(argument));

function run(command, ...args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);

function runAll() {
  run('npm', 'run', '--silent', 'build');
  run(process.execPath, 'scripts/native-test.mjs');
  run('npx', 'vitest', 'run', ...rest);
}

function runChanged() {
  const ref = changed.includes('=') ? git('merge-base', changed.slice('--changed='.length), 'HEAD')[0] : 'HEAD';
  const fresh = git('ls-files', '--others', '--exclude-standard');
  const files = new Set([...git('ls-files'), ...fresh].filter((file) => existsSync(join(root, file))));
  const { everything, native, tests } = testsFor([...git('diff', '--name-only', ref), ...fresh], files, root, { deep });
  if (everything) console.log(`${everything} has changed, which may concern every test: npm test runs them all.`);
  console.log([...tests, ...(native ? ['native/, test/native'] : [])].join('\n') || 'no test is concerned');
  if (list) return;
  run('npm', 'run', '--silent', 'build');
  if (native) {
    run(process.execPath, 'scripts/build-native.mjs');
    run(process.execPath, 'scripts/native-test.mjs');
  }
  if (tests.length > 0) run('npx', 'vitest', 'run', ...rest, ...tests);
}

if (changed) runChanged();
else runAll();
