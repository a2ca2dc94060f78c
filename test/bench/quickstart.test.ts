// The quickstart needs nothing from outside: it runs in a network namespace that has no interface but loopback, and
// that one down. A few steps of everything; what the whole one reaches is in README.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('quickstart');

const isolated = (...command: string[]) =>
  spawnSync('unshare', ['--map-root-user', '--net', ...command], { encoding: 'utf8', maxBuffer: 1e8 });

it('trains, compares and opens its model in the transformers library with networking cut off', () => {
  const probe = isolated(
    process.execPath,
    '-e',
    "require('net').connect(80, '192.0.2.1').on('error', (e) => console.log(e.code))",
  );
  expect(probe.stdout?.trim(), `no network namespace can be made here: ${probe.error ?? probe.stderr}`).toBe(
    'ENETUNREACH',
  );
  const { status, stdout, stderr } = isolated(
    process.execPath,
    'bench/quickstart.mjs',
    '--json',
    '--short',
    '--output',
    directory,
  );
  expect(status, stderr).toBe(0);
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
  const strategies = ['untouched', 'frozen', 'scratch', 'finetuned', 'allLabels', 'bagOfWords'];
  expect(Object.keys(result.accuracy)).toEqual(strategies);
  for (const name of strategies) expect(result.accuracy[name], name).toBeGreaterThan(0);
  expect(result).toMatchObject({
    pipelineAgrees: true,
    output: join(directory, 'all', 'model'),
  });
  expect(result.seconds).toBeGreaterThan(0);
}, 400_000);
