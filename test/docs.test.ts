// What the documents repeat is what it is taken from, and what they point to is there.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { compareSchema } from '#ortune/config/compare-schema.js';
import { optionTable } from '#ortune/config/options.js';
import { packSchema } from '#ortune/config/pack-schema.js';
import { trainSchema } from '#ortune/config/train-schema.js';

const root = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

it('the tables of options are those of the schemas (scripts/option-table.mjs --write)', () => {
  const page = read('docs/options.md');
  expect(page).toContain(`<!-- options -->\n${optionTable(trainSchema)}\n<!-- /options -->`);
  expect(page).toContain(`<!-- pack options -->\n${optionTable(packSchema, trainSchema)}\n<!-- /pack options -->`);
  expect(page).toContain(
    `<!-- compare options -->\n${optionTable(compareSchema, trainSchema)}\n<!-- /compare options -->`,
  );
});

it('the server shown is the one that is tested', () => {
  const [, shown] = /```js\n([\s\S]*?)```/.exec(read('docs/server.md'))!;
  expect(read('bench/server.mjs')).toContain(shown!.trim());
});

it.each([
  'README.md',
  'docs/options.md',
  'docs/images.md',
  'docs/server.md',
  'models/README.md',
  'models/tiny-en/README.md',
])('%s is finished, and its links lead somewhere', (file) => {
  const page = read(file);
  expect(page).not.toMatch(/@@|TODO/);
  for (const [, link] of page.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g))
    expect(existsSync(join(root, dirname(file), link!)), link).toBe(true);
});
