// The types as programs in TypeScript see them, of the package as it is installed: strict, with the declarations of the
// library checked too, by every way of resolving modules; and the examples of the documents.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { globSync } from 'tinyglobby';
import { beforeAll, expect, it } from 'vitest';
import { installPrograms, runNode } from '../support/installed.js';

let programs: string;

beforeAll(() => {
  programs = installPrograms(['typescript', '@types/node']);
});

const strict = {
  strict: true,
  noEmit: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  types: ['node'],
};

/** What the compiler says of files with these options. */
async function compile(folder: string, compilerOptions: object, files: readonly string[]): Promise<string> {
  const project = join(programs, folder, 'tsconfig.json');
  writeFileSync(project, JSON.stringify({ compilerOptions: { ...strict, ...compilerOptions }, files }));
  const { stdout } = await runNode([join(programs, 'node_modules/typescript/bin/tsc'), '-p', project], programs);
  return stdout;
}

it.each([
  ['node16', { module: 'node16' }, ['main.mts', 'imported.cts']],
  ['nodenext', { module: 'nodenext' }, ['main.mts', 'imported.cts', 'required.cts']],
  ['bundler', { module: 'esnext', moduleResolution: 'bundler' }, ['main.mts']],
] as const)('a program compiles under %s', async (_, options, files) => {
  expect(await compile('typescript', options, files)).toBe('');
});

it('the examples of the documents compile', async () => {
  const root = join(import.meta.dirname, '../..');
  // The server is a program in JavaScript, with tests of its own.
  const pages = globSync(['README.md', 'docs/**/*.md', '!docs/server.md', 'models/README.md'], { cwd: root });
  const examples = pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/```(?:js|ts)\n([\s\S]*?)```/g)].map(([, code], i) => ({
      file: `${page.replaceAll(/\W/g, '-')}-${i + 1}.ts`,
      code: `${code}\nexport {};\n`,
    })),
  );
  expect(examples.map(({ file }) => file)).toContain('README-md-1.ts');
  writeFileSync(join(programs, 'examples/package.json'), '{ "type": "module" }');
  for (const { file, code } of examples) writeFileSync(join(programs, 'examples', file), code);
  // They are JavaScript: parameters have no types.
  const options = { module: 'nodenext', noImplicitAny: false };
  const files = ['names.d.ts', ...examples.map(({ file }) => file)];
  expect(await compile('examples', options, files)).toBe('');
});
