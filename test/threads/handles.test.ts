// How many file handles loading takes: what is loaded when a program starts must not use up those of its own.

import { spawnSync } from 'node:child_process';
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
