// What the specification says of a node: how many inputs and outputs it has, which of them it needs, and its attributes
// with their kinds. One parsed table (schema-table.ts, generated) for the default domain by opset, and a few lines for
// the operators of com.microsoft that ortune knows. What values attributes may have is said in attribute-ranges.ts.

import { schemaTable } from './schema-table.js';

export interface Formals {
  /** Whether each is needed. */
  readonly needed: readonly boolean[];
  /** Any number of further ones may follow. */
  readonly open: boolean;
}

export interface Schema {
  readonly since: number;
  readonly inputs: Formals;
  readonly outputs: Formals;
  /** Kind letter of each attribute, as schema-table.ts has them. */
  readonly attributes: ReadonlyMap<string, { kind: string; needed: boolean }>;
}

/**
 * Whether an operator has an attribute at any opset: exporters write some of newer or older ones, which mean no harm.
 */
export const hasAttribute = (domain: string, op: string, name: string): boolean =>
  versionsOf(domain, op)?.some(({ attributes }) => attributes.has(name)) ?? true;

/** Source: the runtime's docs/ContribOperators.md. */
const microsoftTable = `
FusedMatMul 1 aa a alpha:f transA:i transB:i transBatchA:i transBatchB:i
Gelu 1 a a
QuickGelu 1 a a alpha:f
BiasGelu 1 aa a
FastGelu 1 a? a
SkipLayerNormalization 1 aaa?? a??? epsilon:f
`;

function formals(text: string): Formals {
  const open = text.endsWith('*');
  return { needed: [...text.replace(/[*-]$/, '')].map((letter) => letter === 'a'), open };
}

function parse(table: string): Map<string, Schema[]> {
  const schemas = new Map<string, Schema[]>();
  for (const line of table.trim().split('\n')) {
    const [op, since, inputs, outputs, ...attributes] = line.split(' ') as [string, string, string, string];
    const schema: Schema = {
      since: Number(since),
      inputs: formals(inputs),
      outputs: formals(outputs),
      attributes: new Map(
        (attributes as string[]).map((attribute) => {
          const [name, kind] = attribute.split(':') as [string, string];
          return [name, { kind: kind[0]!, needed: kind.endsWith('!') }];
        }),
      ),
    };
    const known = schemas.get(op);
    if (known) known.push(schema);
    else schemas.set(op, [schema]);
  }
  return schemas;
}

const tables = new Map<string, Map<string, Schema[]>>();

/** The schema of an operator at an opset; the oldest for a file older than it. Undefined: the operator is not known. */
export function schemaOf(domain: string, op: string, opset: number): Schema | undefined {
  const versions = versionsOf(domain, op);
  return versions?.findLast(({ since }) => domain !== '' || since <= opset) ?? versions?.[0];
}

function versionsOf(domain: string, op: string): readonly Schema[] | undefined {
  const text = { '': schemaTable, 'com.microsoft': microsoftTable }[domain];
  if (text === undefined) return undefined;
  if (!tables.has(domain)) tables.set(domain, parse(text));
  return tables.get(domain)!.get(op);
}
