// A short run of the fuzzer: the sound files and a few damaged ones of every kind. `npm run fuzz` makes more of them.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/fuzz.mjs', import.meta.url));

it('ends with a result or a refusal for every file', () => {
  const kept = mkdtempSync(join(tmpdir(), 'ortune-fuzz-test-'));
  const limits = ['--count', '3', '--seed', '1', '--seconds', '120', '--jobs', '1', '--keep', kept];
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...limits], { encoding: 'utf8' });
  rmSync(kept, { recursive: true });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/\d+ cases in \d+ s, 0 failed \(seed 1\)/);
  expect(status).toBe(0);
}, 150_000);

it.each([
  ['--only', 'nothing', /--only knows onnx, .*; found 'nothing'/],
  ['--seconds', 'soon', /--seconds takes a number, found 'soon'/],
])('refuses %s %s', (flag, value, message) => {
  const { status, stderr } = spawnSync(process.execPath, [script, flag, value], { encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toMatch(message);
});
