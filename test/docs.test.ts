// What the documents repeat is what it is taken from, and what they point to is there.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { globSync } from 'tinyglobby';
import { expect, it } from 'vitest';
import { adviseSchema } from '#ortune/config/advise-schema.js';
import { compareSchema } from '#ortune/config/compare-schema.js';
import { lrFindSchema } from '#ortune/config/lr-find-schema.js';
import { optionTable } from '#ortune/config/options.js';
import { packSchema } from '#ortune/config/pack-schema.js';
import { searchSchema } from '#ortune/config/search-schema.js';
import { trainSchema } from '#ortune/config/train-schema.js';

import { withTables } from '../scripts/operator-table.mjs';

const root = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

it('the tables of options are those of the schemas (scripts/option-table.mjs --write)', () => {
  const page = read('docs/options.md');
  expect(page).toContain(`<!-- options -->\n${optionTable(trainSchema)}\n<!-- /options -->`);
  expect(page).toContain(
    `<!-- advise options -->\n${optionTable(adviseSchema, trainSchema)}\n<!-- /advise options -->`,
  );
  expect(page).toContain(`<!-- pack options -->\n${optionTable(packSchema, trainSchema)}\n<!-- /pack options -->`);
  expect(page).toContain(
    `<!-- lr-find options -->\n${optionTable(lrFindSchema, trainSchema)}\n<!-- /lr-find options -->`,
  );
  expect(page).toContain(
    `<!-- compare options -->\n${optionTable(compareSchema, trainSchema)}\n<!-- /compare options -->`,
  );
  expect(page).toContain(
    `<!-- search options -->\n${optionTable(searchSchema, trainSchema)}\n<!-- /search options -->`,
  );
});

it('the tables of operators are those of the rules (scripts/operator-table.mjs --write)', () => {
  const page = read('docs/operators.md');
  expect(withTables(page)).toBe(page);
});

it('the server shown is the one that is tested', () => {
  const [, shown] = /```js\n([\s\S]*?)```/.exec(read('docs/server.md'))!;
  expect(read('bench/server.mjs')).toContain(shown!.trim());
});

const pages = globSync(['*.md', 'docs/**/*.md', 'models/*.md', 'models/*/README.md'], { cwd: root });

/** What a heading is linked by. */
const anchorsOf = (page: string): string[] =>
  [...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

it.each(pages)('%s is finished, and its links lead somewhere', (file) => {
  const page = read(file);
  expect(page).not.toMatch(/@@|TODO/);
  for (const [, link, anchor] of page.matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)) {
    const to = link ? join(dirname(file), link) : file;
    expect(existsSync(join(root, to)), `${file}: ${link}`).toBe(true);
    if (anchor) expect(anchorsOf(read(to)), `${file}: ${link}#${anchor}`).toContain(anchor);
  }
});

it('README stays short, and lines of text narrow', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200);
  for (const file of pages.filter((page) => !page.startsWith('models'))) {
    // A row of a table cannot be broken; README's are short.
    const lines = read(file).split('\n');
    const wide = lines.filter((line) => line.length > 160 && (file === 'README.md' || !line.startsWith('|')));
    expect(wide, file).toEqual([]);
  }
});

it('decisions are numbered from the newest down, and README speaks of ones that hold', () => {
  const page = read('docs/decisions.md');
  const numbers = [...page.matchAll(/^\*\*(\d+) \(\d{4}-\d\d-\d\d/gm)].map(([, number]) => Number(number));
  expect(numbers).toEqual(numbers.map((_, i) => numbers.length - i));
  const replaced = [...page.matchAll(/^\*\*(\d+) \([^)]*; replaced/gm)].map(([, number]) => Number(number));
  const named = [...read('README.md').matchAll(/^- \*\*(\d+)\.\*\*/gm)].map(([, number]) => Number(number));
  expect(named).toHaveLength(10);
  for (const number of named) {
    expect(numbers).toContain(number);
    expect(replaced).not.toContain(number);
  }
});
