// Prints the options of `ortune train` as a Markdown table, or with --write puts it between the markers
// <!-- options --> and <!-- /options --> of README.md. The schema is the one source.

import { readFileSync, writeFileSync } from 'node:fs';
import { optionTable } from '../dist/config/options.js';
import { trainSchema } from '../dist/config/train-schema.js';

const table = optionTable(trainSchema);
if (process.argv.includes('--write')) {
  const file = new URL('../README.md', import.meta.url);
  const readme = readFileSync(file, 'utf8');
  const marked = /(<!-- options -->\n)[\s\S]*?(<!-- \/options -->)/;
  if (!marked.test(readme)) throw new Error('README.md has no <!-- options --> … <!-- /options -->');
  writeFileSync(
    file,
    readme.replace(marked, (_, start, end) => `${start}${table}\n${end}`),
  );
} else console.log(table);
