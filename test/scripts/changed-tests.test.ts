// Which tests a change concerns, on a small repository of four sources.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testsFor } from '../../scripts/changed-tests.mjs';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory('changed');
const texts: Record<string, string> = {
  'src/index.ts': "export { run } from './run/run.js';\nexport type { Table } from './data/table.js';",
  'src/run/run.ts': "import { open } from '../data/open.js';\nconst thread = new URL('./thread.js', import.meta.url);",
  'src/run/thread.ts': 'work();',
  'src/data/open.ts': 'export const open = 1;',
  'src/data/table.ts': 'export interface Table {}',
  'test/data/open.test.ts': "import { open } from '#ortune/data/open.js';",
  'test/data/other.test.ts': "import { things } from './things.js';",
  'test/data/things.ts': "export const things = read('test/fixtures/things/list.json');",
  'test/run/run.test.ts': "import { run } from 'ortune';",
  'test/cli/cli.test.ts': "spawn('dist/run/run.js');",
  'test/runtime/kernel.test.ts': '',
  'test/fixtures/things/list.json': '[]',
  'test/fixtures/things/make.py': '',
  'test/docs.test.ts': '',
};
for (const [file, text] of Object.entries(texts)) {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}
const concerned = (changed: string, options = {}): string[] =>
  testsFor([changed], new Set(Object.keys(texts)), root, options).tests;

describe('a change concerns', () => {
  it.each([
    ['src/data/open.ts', ['test/data/open.test.ts']],
    ['src/run/run.ts', ['test/cli/cli.test.ts', 'test/run/run.test.ts']],
    ['src/run/thread.ts', ['test/cli/cli.test.ts', 'test/run/run.test.ts']],
    ['src/data/table.ts', []],
    ['test/data/things.ts', ['test/data/other.test.ts']],
    ['test/fixtures/things/make.py', ['test/data/other.test.ts']],
    ['test/run/run.test.ts', ['test/run/run.test.ts']],
    ['native/ops/gelu.cc', ['test/runtime/kernel.test.ts']],
    ['README.md', ['test/docs.test.ts']],
  ])('%s', (file, tests) => {
    expect(concerned(file)).toEqual(tests);
  });

  it('with deep all that reach it', () => {
    expect(concerned('src/data/open.ts', { deep: true })).toEqual([
      ...['test/cli/cli.test.ts', 'test/data/open.test.ts', 'test/run/run.test.ts'],
    ]);
  });

  it('everything, which is said, where it is the build or its settings', () => {
    const { everything, tests } = testsFor(['package.json', 'README.md'], new Set(Object.keys(texts)), root);
    expect({ everything, tests }).toEqual({ everything: 'package.json', tests: ['test/docs.test.ts'] });
  });
});
