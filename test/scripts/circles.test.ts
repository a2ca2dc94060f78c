// The script that finds import circles, on folders of three files and on the sources themselves.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/circles.mjs', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ortune-circles-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs the script on files with these contents. */
function circles(files: Record<string, string>, ...flags: string[]) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.ts`), text);
  return spawnSync(process.execPath, [script, folder, ...flags], { encoding: 'utf8' });
}

it('prints a circle through several files, imports over several lines and re-exports included', () => {
  const { status, stdout } = circles({
    a: "import {\n  type B,\n  b,\n} from './b.js';\n",
    b: "export { c as b } from './c.js';\n",
    c: "import './a.js';\n",
  });
  expect(status).toBe(1);
  expect(stdout).toBe(
    'a.ts -> b.ts -> c.ts -> a.ts\nImport circles: 1. Move what both ends need into a file of its own.\n',
  );
});

it('types make no circle, unless they are asked for', () => {
  const files = { a: "import type { B } from './b.js';\n", b: "import { type A, type C } from './a.js';\n" };
  expect(circles(files)).toMatchObject({ status: 0, stdout: '' });
  expect(circles(files, '--types')).toMatchObject({ status: 1, stdout: expect.stringContaining('a.ts -> b.ts') });
});

it('finds none among the sources', () => {
  expect(spawnSync(process.execPath, [script], { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '' });
});
