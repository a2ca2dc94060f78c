// What a schema objects to, as sentences for people: the option by its full path ('groups[1].learningRate'), what it
// takes, what was found, and for a name that there is not the one that was probably meant.

import { nearest } from '../nearest.js';
import { quote } from '../quote.js';
import { expectation, type Shape, shapeAt } from './shape.js';
import type { z } from './zod.js';

type Path = readonly PropertyKey[];
type Name = { key: string; aliases: readonly string[] };

/** A value as messages show it; long ones are cut. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return String(value);
  // JSON.stringify throws for what JSON cannot say, such as a bigint, and gives nothing for a function.
  let text: string;
  try {
    text = JSON.stringify(value) ?? typeof value;
  } catch {
    text = typeof value === 'bigint' ? `${value}n` : typeof value;
  }
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

/** ['groups', 1, 'learningRate'] → 'groups[1].learningRate' */
function nameOf(path: Path): string {
  const parts = path.map((key, i) => {
    if (typeof key === 'number') return `[${key}]`;
    if (!/^[\w$-]+$/.test(String(key)) && i > 0) return `[${JSON.stringify(key)}]`;
    return i === 0 ? String(key) : `.${String(key)}`;
  });
  return parts.join('');
}

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);

/** Sentences about one issue; `options` are the names that may stand at the top. */
export function explain(issue: z.core.$ZodIssue, input: unknown, shape: Shape, options: readonly Name[]): string[] {
  const { path } = issue;
  if (issue.code === 'custom') return [issue.message];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((name) => unknown(name, path, shape, options));
  if (issue.code === 'invalid_union') {
    // An alternative that objects only to something inside the value is the one that was meant.
    const meant = issue.errors.find((issues) => issues.length > 0 && issues.every((inner) => inner.path.length > 0));
    if (meant) return meant.flatMap((i) => explain({ ...i, path: [...path, ...i.path] }, input, shape, options));
  }
  if (path.length === 0) return [`the configuration must be an object of options, found ${show(input)}`];
  return [wrong(path, input, shape)];
}

function wrong(path: Path, input: unknown, root: Shape): string {
  const [name, found, shape] = [nameOf(path), valueAt(input, path), shapeAt(root, path)];
  const expects = shape ? expectation(shape) : 'something else';
  const required = shapeAt(root, path.slice(0, -1))?.required?.includes(String(path.at(-1)));
  if (found !== undefined || !required) return `option ${quote(name)} must be ${expects}, found ${show(found)}`;
  return `option ${quote(name)} is missing${shape?.description ? `: ${shape.description}` : '.'} It takes ${expects}`;
}

function unknown(name: string, path: Path, root: Shape, options: readonly Name[]): string {
  const full = nameOf([...path, name]);
  const inside = shapeAt(root, path);
  const objects = inside?.anyOf ?? (inside ? [inside] : []);
  const siblings = objects.flatMap((o) =>
    Object.entries(o.properties ?? {}).map(([key, { aliases = [] }]): Name => ({ key, aliases })),
  );
  const close = nearest(name, path.length === 0 ? options : siblings);
  if (close === undefined) return `unknown option ${quote(full)}`;
  const [parent, child] = close.split('.');
  if (close === name && child)
    return `unknown option ${quote(full)}: write it as ${quote(child)} inside ${quote(parent!)}`;
  return `unknown option ${quote(full)}; did you mean '${nameOf(path.length === 0 ? [close] : [...path, close])}'?`;
}
