// The options of a schema as the source of a TypeScript interface, whose comments an editor shows: what z.input infers
// is the same type, and says nothing. scripts/option-table.mjs writes them to option-types.ts.

import { show } from './explain.js';
import { expectation, type Shape, shapeOf } from './shape.js';
import type { z } from './zod.js';

const width = 120;

/** The options that a schema takes, as an exported interface; without those of the names in `without`. */
export function interfaceText(name: string, schema: z.ZodObject, without: readonly string[] = []): string {
  const { properties = {}, ...shape } = shapeOf(schema);
  const kept = Object.fromEntries(Object.entries(properties).filter(([key]) => !without.includes(key)));
  return `export interface ${name} ${bodyOf({ ...shape, properties: kept }, '')}`;
}

function bodyOf({ properties = {}, required = [] }: Shape, indent: string): string {
  const inner = `${indent}  `;
  const members = Object.entries(properties).map(([key, shape]) => {
    const optional = !required.includes(key) || shape.default !== undefined;
    const type = shape.not ? 'undefined' : typeOf(shape, inner);
    const member = `${inner}${key}${optional ? '?' : ''}: ${type}${optional && !shape.not ? ' | undefined' : ''};\n`;
    return commentOf(shape, inner) + member;
  });
  return `{\n${members.join('')}${indent}}`;
}

function typeOf(shape: Shape, indent: string): string {
  if (shape.const !== undefined) return literal(shape.const);
  if (shape.enum) return shape.enum.map(literal).join(' | ');
  if (shape.anyOf) return [...new Set(shape.anyOf.map((one) => typeOf(one, indent)))].join(' | ');
  // Alternatives without bounds come as a list of types.
  const { type } = shape as { type?: Shape['type'] | Shape['type'][] };
  if (Array.isArray(type)) return type.map((one) => typeOf({ type: one! }, indent)).join(' | ');
  switch (type) {
    case 'string':
      return shape.url ? 'string | URL' : type;
    case 'boolean':
      return type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array': {
      const items = typeOf(shape.items ?? {}, indent);
      return `readonly ${items.includes('|') ? `(${items})` : items}[]`;
    }
    case 'object':
      return objectOf(shape, indent);
    default:
      return 'unknown';
  }
}

function objectOf(shape: Shape, indent: string): string {
  if (!shape.properties) return `Readonly<Record<string, ${typeOf(shape.additionalProperties || {}, indent)}>>`;
  const body = bodyOf(shape, indent);
  // One that takes any other keys too.
  return shape.additionalProperties ? body.replace(/\}$/, `  ${'[option: string]: unknown;\n'}${indent}}`) : body;
}

const literal = (value: string | number): string =>
  typeof value === 'number' ? String(value) : `'${value.replace(/['\\]/g, '\\$&')}'`;

/** What the option means, what it takes, and its default. */
function commentOf(shape: Shape, indent: string): string {
  const { description, default: fallback } = shape;
  if (description === undefined) return '';
  if (shape.not) return `${indent}/** To be left out: ${description}. */\n`;
  const said =
    fallback === undefined || shape.anyOf?.some((one) => one.properties) ? '' : ` Default \`${show(fallback)}\`.`;
  // What the type says already is left out.
  const typed = shape.enum || shape.type === 'boolean' || shape.type === 'string' || shape.type === undefined;
  const takes = typed && !shape.expects ? '' : ` Takes ${expectation(shape)}.`;
  const text = `${description}${takes}${said}`.replaceAll('*/', '*\\/');
  const line = `${indent}/** ${text} */`;
  if (line.length <= width) return `${line}\n`;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent} * ${word}`);
  }
  return `${indent}/**\n${lines.join('\n')}\n${indent} */\n`;
}
