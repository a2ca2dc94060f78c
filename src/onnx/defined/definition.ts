// What a file's operator means in standard operators: one row of a table per operator, with a function that appends
// nodes in the node's place. Shapes are known then, so a definition holds the mathematics and no shape arithmetic. A
// row says which inputs, outputs and attributes its function reads; whatever else a node has is refused by name.

import type { Builder } from '../builder.js';
import type { Node, Value } from '../graph.js';
import { guarded } from '../guarded.js';
import { TypeContext } from '../shapes/context.js';
import { spelledOut } from '../spell-out.js';
import type { Tensor } from '../tensor.js';

/** A node that is about to be spelled out: what type rules see of it, and the builder that the definition adds to. */
export class DefinedNode extends TypeContext {
  readonly b: Builder;
  readonly #constant: (value: Value) => Tensor | undefined;

  /** @param constant a value that nothing trains or feeds */
  constructor(b: Builder, node: Node, constant: (value: Value) => Tensor | undefined) {
    super(b.graph, node);
    this.b = b;
    this.#constant = constant;
  }

  /** An input that the operator needs. */
  x(input: number): Value {
    return this.node.inputs[input] || this.fail(`input ${input} is missing`);
  }

  optional(input: number): Value | undefined {
    return this.node.inputs[input] || undefined;
  }

  /** Whether something may read this output. */
  wants(output: number): boolean {
    return !!this.node.outputs[output];
  }

  float(name: string, fallback: number): number {
    return this.int(name, fallback);
  }

  text(name: string, fallback: string): string {
    return String(this.node.attrs.get(name)?.value ?? fallback);
  }

  floats(name: string): number[] {
    return this.ints(name) ?? [];
  }

  /** An input that is a constant by now. */
  tensor(input: number): Tensor | undefined {
    const value = this.optional(input);
    return value === undefined ? undefined : this.#constant(value);
  }

  /** The numbers of an input, where it is a constant by now. */
  numbers(input: number): number[] | undefined {
    return this.tensor(input)?.numbers();
  }

  /** The axes of an input, which must be as many as one of `counts`. */
  axes(input: number, ...counts: number[]): number[] {
    const shape = this.shape(input);
    if (!counts.includes(shape.length))
      this.fail(`input ${input} is [${shape}], expected ${counts.join(' or ')} dimensions`);
    return [...shape];
  }
}

export interface Defined {
  /** Appends nodes and gives the outputs in order; undefined for one that it does not make. */
  readonly define: (c: DefinedNode) => readonly (Value | undefined)[];
  /** Attributes that the definition reads, separated by spaces. */
  readonly attributes?: string;
  /** Attributes of which it knows this value alone, mostly what says that a feature is off. */
  readonly only?: Readonly<Record<string, number | string>>;
  /** How many inputs it reads. */
  readonly inputs: number;
  /** Inputs among those that it does not read, and why files have them: refused where they are there. */
  readonly refused?: Readonly<Record<number, string>>;
  /** Float inputs that no derivative flows into: tables of angles, statistics. */
  readonly constants?: readonly number[];
}

export type DefinedTable = Readonly<Record<string, Defined>>;

/** @throws ModelError that names what a node has and its definition lacks */
function checkCovered(defined: Defined, c: DefinedNode): void {
  for (const [name, { value }] of c.node.attrs) {
    if (defined.attributes?.split(' ').includes(name)) continue;
    const only = defined.only?.[name];
    if (only === undefined || String(value) !== String(only))
      c.fail(
        `attribute '${name}' is ${value}, ${only === undefined ? 'which ortune does not know' : `expected ${only}`}; ` +
          'export the model without it',
      );
  }
  for (const [i, input] of c.node.inputs.entries()) {
    const why = i >= defined.inputs ? 'which ortune does not know' : defined.refused?.[i];
    if (input && why) c.fail(`it has input ${i}, ${why}; export the model without it`);
  }
}

/**
 * The standard operators that a node means, to be put in its place.
 * @param constant the tensor of a value that nothing trains or feeds
 * @throws ModelError that names what the definition lacks
 */
export function meaningOf(
  defined: Defined,
  b: Builder,
  node: Node,
  constant: (value: Value) => Tensor | undefined,
): Node[] {
  const c = new DefinedNode(b, node, constant);
  return spelledOut(b, node, () =>
    guarded(node, 'shape', () => {
      checkCovered(defined, c);
      const values = defined.define(c);
      for (const [i, out] of node.outputs.entries())
        if (out && values[i] === undefined)
          c.fail(`it has output ${i}, which ortune does not make; export the model without it`);
      return values;
    }),
  )!;
}
