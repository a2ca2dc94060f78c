// Prints the options of `ortune train`, those that `ortune compare`, `search`, `lr-find` and `advise` have besides, and
// those of `ortune pack` that train has not, as Markdown tables, or with --write puts them between markers such as <!--
// options --> of docs/options.md and the ends of these, and the types of options with their comments into
// src/config/option-types.ts. The schemas are the one source.

import { readFileSync, writeFileSync } from 'node:fs';
import { adviseSchema } from '../dist/config/advise-schema.js';
import { compareSchema } from '../dist/config/compare-schema.js';
import { lrFindSchema } from '../dist/config/lr-find-schema.js';
import { optionTable } from '../dist/config/options.js';
import { packSchema } from '../dist/config/pack-schema.js';
import { searchSchema } from '../dist/config/search-schema.js';
import { trainSchema } from '../dist/config/train-schema.js';
import { optionTypes } from '../dist/config/typed-schemas.js';

const tables = {
  options: optionTable(trainSchema),
  'compare options': optionTable(compareSchema, trainSchema),
  'lr-find options': optionTable(lrFindSchema, trainSchema),
  'advise options': optionTable(adviseSchema, trainSchema),
  'search options': optionTable(searchSchema, trainSchema),
  'pack options': optionTable(packSchema, trainSchema),
};
if (process.argv.includes('--write')) {
  const file = new URL('../docs/options.md', import.meta.url);
  let page = readFileSync(file, 'utf8');
  for (const [name, table] of Object.entries(tables)) {
    const marked = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
    if (!marked.test(page)) throw new Error(`docs/options.md has no <!-- ${name} --> … <!-- /${name} -->`);
    page = page.replace(marked, (_, start, end) => `${start}${table}\n${end}`);
  }
  writeFileSync(file, page);
  writeFileSync(new URL('../src/config/option-types.ts', import.meta.url), optionTypes());
} else console.log(Object.values(tables).join('\n\n'));
