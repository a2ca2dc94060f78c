// A schema as the plain tree that zod's JSON Schema gives: what an option may be, said in words, and the part of the
// tree that a path leads to. Only the constructs that the schemas of this package use are known here.

import { z } from './zod.js';

/** The part of JSON Schema that the schemas of this package come out as, with the metadata of fields.ts. */
export interface Shape {
  type?: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object' | 'null';
  const?: string;
  enum?: string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  default?: unknown;
  properties?: Record<string, Shape>;
  required?: string[];
  additionalProperties?: Shape | false;
  items?: Shape;
  anyOf?: Shape[];
  description?: string;
  value?: string;
  impliedValue?: string;
  aliases?: string[];
  changesNothing?: boolean;
  list?: boolean;
  expects?: string;
  heading?: string;
  first?: boolean;
  /** Of a path that may be given as a URL object. */
  url?: boolean;
  /** Of an option that must be left out. */
  not?: object;
}

const known = new WeakMap<z.ZodObject, Shape>();

export function shapeOf(schema: z.ZodObject): Shape {
  let shape = known.get(schema);
  if (!shape) {
    shape = z.toJSONSchema(schema, { io: 'input' }) as Shape;
    known.set(schema, shape);
  }
  return shape;
}

/** What may stand at `path`, such as ['groups', 1, 'learningRate']; undefined where nothing may. */
export function shapeAt(shape: Shape, path: readonly PropertyKey[]): Shape | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return shape;
  for (const one of shape.anyOf ?? [shape]) {
    const child =
      typeof key === 'number' ? one.items : (one.properties?.[String(key)] ?? (one.additionalProperties || undefined));
    if (child) return shapeAt(child, rest);
  }
  return undefined;
}

const plain = (n: number): string => (Math.abs(n) === Number.MAX_SAFE_INTEGER ? '' : String(n));

function bounds(shape: Shape): string {
  const low = shape.exclusiveMinimum !== undefined ? `above ${shape.exclusiveMinimum}` : '';
  const high = shape.exclusiveMaximum !== undefined ? `below ${shape.exclusiveMaximum}` : '';
  const least = shape.minimum === undefined ? '' : plain(shape.minimum);
  const most = shape.maximum === undefined ? '' : plain(shape.maximum);
  if (least && most) return ` from ${least} to ${most}`;
  const parts = [low || (least && `of at least ${least}`), high || (most && `of at most ${most}`)].filter(Boolean);
  return parts.length > 0 ? ` ${parts.join(' and ')}` : '';
}

/** 'a number above 0', 'one of adamw, sgd' */
export function expectation(shape: Shape): string {
  if (shape.expects !== undefined) return shape.expects;
  if (shape.not) return `left out: ${shape.description}`;
  if (shape.const !== undefined) return `'${shape.const}'`;
  if (shape.enum) return shape.enum.length === 1 ? `'${shape.enum[0]}'` : `one of ${shape.enum.join(', ')}`;
  if (shape.anyOf) return shape.anyOf.map(expectation).join(' or ');
  switch (shape.type) {
    case 'integer':
      return `a whole number${bounds(shape)}`;
    case 'number':
      return `a number${bounds(shape)}`;
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'array':
      return `a list, each ${expectation(shape.items ?? {})}`;
    case 'object':
      return shape.additionalProperties
        ? `an object of names, each with ${expectation(shape.additionalProperties)}`
        : `an object of ${Object.keys(shape.properties ?? {}).join(', ')}`;
    default:
      return 'a non-empty text';
  }
}
