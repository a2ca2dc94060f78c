#!/usr/bin/env node
// Writes dist/*.js from src/. Node opens all imports of a module at once, and hundreds of files take hundreds of
// handles and half a second: so modules are gathered into some eighty parts, dist/part-*.js. A part holds the modules
// that exactly the same starts load (the library, the command, each thread), so that no thread loads what it does not
// need, and each module stands in one part alone. dist/ has a file for every module of src/ all the same, which gives
// on what the part exports: what tests import and what users run is one code. Dependencies stay outside. Types are
// those of tsc.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const [src, dist] = [join(root, 'src'), join(root, 'dist')];
const modules = readdirSync(src, { recursive: true })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length).replaceAll('\\', '/'));
const fileOf = (module) => join(src, `${module}.ts`);

// In a part a module is not where it was; and zod is a hundred files that are not to be opened at once.
for (const module of modules) {
  const text = readFileSync(fileOf(module), 'utf8');
  if (module !== 'built' && /\bnew URL\('\.+\/.*', import\.meta\.url\)/.test(text))
    throw new Error(`src/${module}.ts: what is started is named by builtFile (src/built.ts)`);
  if (/from 'zod'/.test(text)) throw new Error(`src/${module}.ts: zod comes from src/config/zod.ts`);
}

/** The modules that others name so. */
const named = (pattern, by = modules) =>
  by.flatMap((module) => {
    const names = [...readFileSync(fileOf(module), 'utf8').matchAll(pattern)].map(([, name]) => name);
    return names.map((name) => (name.startsWith('.') ? join(dirname(module), name) : name).replaceAll('\\', '/'));
  });
/** What threads and processes are started from. A start is in no part, since it does something. */
const started = ['index', 'cli/main', ...named(/\bbuiltFile\('([^']+)\.js'\)/g)];
/** What is loaded before all others, or later: what a command needs when it runs, what a thread needs for pictures. */
const ofCommands = (module) => module.startsWith('cli/');
const later = named(
  /\bawait import\('(\.[^']+)\.js'\)/g,
  modules.filter((module) => !ofCommands(module)),
);
const apart = ['unbundled', 'cli/program', ...later];
const starts = [
  ...new Set([...started, ...apart]),
  // What the commands load when they run is a start too, so that the command itself begins with what it needs alone.
  'commands',
];
const alone = new Set(started.map(fileOf));

/** For each file, the numbers of the starts that load it. */
function startsOfFiles(context) {
  const found = new Map();
  for (const [number, start] of starts.entries()) {
    const ofAll = start === 'commands';
    const reached = new Set([fileOf(ofAll ? 'cli/program' : start)]);
    for (const file of reached) {
      const { importedIds, dynamicallyImportedIds } = context.getModuleInfo(file);
      for (const id of [...importedIds, ...(ofAll ? dynamicallyImportedIds : [])])
        if (id.startsWith(src)) reached.add(id);
    }
    for (const file of reached) found.set(file, [...(found.get(file) ?? []), number]);
  }
  return found;
}

/** For each file that is in a part, the part's name: that of the first of its modules. */
function partsOfFiles(context) {
  const names = new Map();
  const parts = new Map();
  const startsOf = startsOfFiles(context);
  for (const module of modules.toSorted()) {
    const file = fileOf(module);
    const key = startsOf.get(file)?.join();
    if (key === undefined || alone.has(file)) continue;
    if (!names.has(key)) names.set(key, `part-${module.replaceAll('/', '-')}`);
    parts.set(file, names.get(key));
  }
  return parts;
}

let parts;

const bundle = await rolldown({
  input: Object.fromEntries(modules.map((module) => [module, fileOf(module)])),
  external: (id) => !id.startsWith('.') && !id.startsWith(src),
  preserveEntrySignatures: 'allow-extension', // parts export what others need of them
  platform: 'node',
  tsconfig: join(root, 'tsconfig.json'),
  transform: { target: 'es2023' },
  // A dynamic import of what is loaded anyway is right where it is: in another thread it is not loaded anyway.
  checks: { ineffectiveDynamicImport: false, pluginTimings: false },
});
const { output } = await bundle.generate({
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  minifyInternalExports: false,
  sourcemap: true,
  codeSplitting: {
    includeDependenciesRecursively: false,
    groups: [
      {
        debugName: 'parts',
        name: (file, context) => {
          parts ??= partsOfFiles(context);
          return parts.get(file);
        },
      },
    ],
  },
});
await bundle.close();

/** Only what changed is written, and at once: programs may be running from here. */
const written = new Set();
for (const { fileName, code, source = code } of output) {
  const file = join(dist, fileName);
  written.add(file);
  if (existsSync(file) && readFileSync(file, 'utf8') === source) continue;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, source);
  renameSync(`${file}.new`, file);
}
// Modules that are gone leave nothing, types neither: a test would go on with what a clean clone has not got.
const types = new Set(modules.map((module) => join(dist, `${module}.d.ts`)));
for (const name of readdirSync(dist, { recursive: true })) {
  const file = join(dist, name);
  const gone = /\.js(\.map)?$/.test(name) ? !written.has(file) : name.endsWith('.d.ts') && !types.has(file);
  if (gone) rmSync(file);
}
