// Import circles of src: groups of files that import each other, whatever the way. By default of values alone, since
// those decide the order in which modules are evaluated; with --types, imports of types count too. Prints a shortest
// circle through each group and exits 1 where there is one. A dynamic import is no edge: it happens later.
// node scripts/circles.mjs [--types] [folder]

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const withTypes = process.argv.includes('--types');
const root = resolve(process.argv.slice(2).find((arg) => !arg.startsWith('--')) ?? join(import.meta.dirname, '../src'));

const statement = /^(?:import|export)\s+(?:([^'";]*?)\s*from\s*)?'(\.[^']+)'/gm;

/** Whether an import clause, as `type A` or `{ type A, type B }`, brings in no value. */
function isOfTypes(clause) {
  if (/^type\b/.test(clause)) return true;
  const names = /^\{([^}]*)\}$/.exec(clause.trim())?.[1];
  const parts = names?.split(',').filter((part) => part.trim());
  return parts !== undefined && parts.length > 0 && parts.every((part) => /^\s*type\s/.test(part));
}

function importsOf(file) {
  const found = new Set();
  for (const [, clause = '', path] of readFileSync(file, 'utf8').matchAll(statement))
    if (withTypes || !isOfTypes(clause)) found.add(resolve(dirname(file), path.replace(/\.js$/, '.ts')));
  return found;
}

const files = readdirSync(root, { recursive: true })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(root, name));
const imports = new Map(files.map((file) => [file, importsOf(file)]));
for (const targets of imports.values()) for (const to of targets) if (!imports.has(to)) targets.delete(to);

/** The shortest way from a file back to itself, through files that are not `done`; undefined where there is none. */
function circleThrough(start, done) {
  const from = new Map();
  const queue = [start];
  for (const file of queue)
    for (const to of imports.get(file)) {
      if (to === start) {
        const circle = [start];
        for (let at = file; at !== start; at = from.get(at)) circle.unshift(at);
        return [start, ...circle];
      }
      if (done.has(to) || from.has(to)) continue;
      from.set(to, file);
      queue.push(to);
    }
  return undefined;
}

const done = new Set();
const circles = [];
for (const file of files) {
  const circle = circleThrough(file, done);
  if (circle) circles.push(circle);
  done.add(file);
}
for (const circle of circles) console.log(circle.map((file) => relative(root, file)).join(' -> '));
if (circles.length > 0) {
  console.log(`Import circles: ${circles.length}. Move what both ends need into a file of its own.`);
  process.exit(1);
}
