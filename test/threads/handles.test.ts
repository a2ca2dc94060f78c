// What is loaded when a program starts: no more than it needs, and with no more file handles than leave it its own.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Node with so many handles, those included that it opens itself (some 25). */
function withHandles(count: number, ...args: string[]): { status: number | null; stderr: string } {
  const script = `ulimit -n ${count} && exec "$0" "$@"`;
  return spawnSync('bash', ['-c', script, process.execPath, ...args], { encoding: 'utf8' });
}

test.each([
  ['the library', ['--input-type=module', '-e', "import './dist/index.js'"]],
  ['the command', ['dist/cli/main.js', '--help']],
])('%s loads with 100', (_, args) => {
  const { status, stderr } = withHandles(100, ...args);
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test('the command begins with what heeds signals alone', () => {
  const ownImports = (file: string): string[] =>
    [...readFileSync(file, 'utf8').matchAll(/^import .*"(\..*)";$/gm)].map(([, name]) => name!);
  expect(ownImports('dist/cli/main.js')).toEqual(['../part-cli-interrupt.js']);
  expect(ownImports('dist/part-cli-interrupt.js')).toEqual([]);
});
