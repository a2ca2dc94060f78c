// What a type rule sees of one node: the static types of its inputs, the values of its constant integer inputs, its
// attributes, and one way to refuse. Also the shape arithmetic that many rules share (broadcasting, axes).
// Only opset-21 forms reach these rules; normalisation has rewritten the older ones.

import { ModelError } from '../../errors.js';
import { quote, shown } from '../../quote.js';
import type { DataType } from '../dtype.js';
import { type Graph, type Node, operatorKey, type StaticType } from '../graph.js';

/** Types of a node's outputs, in order; entries beyond what the node names are ignored. */
export type TypeRule = (c: TypeContext) => StaticType[];
export type TypeTable = Readonly<Record<string, TypeRule>>;

export class TypeContext {
  readonly graph: Graph;
  readonly node: Node;

  constructor(graph: Graph, node: Node) {
    this.graph = graph;
    this.node = node;
  }

  /** Refuses the node: the message names it and says what was wrong. */
  fail(problem: string, Kind = ModelError): never {
    throw new Kind(`node ${quote(this.node.name)} (${shown(operatorKey(this.node))}): ${problem}`);
  }

  has(input: number): boolean {
    return !!this.node.inputs[input];
  }

  type(input: number): StaticType {
    const name = this.node.inputs[input];
    if (!name) this.fail(`input ${input} is missing`);
    return this.graph.types.get(name) ?? this.fail(`input ${input} (${quote(name)}) has no static type`);
  }

  shape(input: number): readonly number[] {
    return this.type(input).shape;
  }

  dtype(input: number): DataType {
    return this.type(input).dtype;
  }

  /** The values of an input that decides shapes. It must be a constant by now. */
  values(input: number): number[] {
    const name = this.node.inputs[input];
    if (!name) this.fail(`input ${input} is missing`);
    const tensor = this.graph.initializers.get(name);
    if (!tensor)
      this.fail(
        `input ${input} (${quote(name)}) decides the output's shape but depends on the data; ` +
          'only shapes that follow from the input shapes can be trained',
      );
    return tensor.numbers();
  }

  int(name: string, fallback: number): number {
    const attr = this.node.attrs.get(name);
    return attr === undefined ? fallback : Number(attr.value);
  }

  ints(name: string): number[] | undefined {
    const attr = this.node.attrs.get(name);
    return attr === undefined ? undefined : (attr.value as readonly (number | bigint)[]).map(Number);
  }

  /** An axis of a tensor of this rank, counted from the front. */
  axis(axis: number, rank: number): number {
    if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
      this.fail(`axis ${axis} is outside a tensor of ${rank} dimensions`);
    return axis < 0 ? axis + rank : axis;
  }

  /** The shape all of these broadcast to. */
  broadcast(...shapes: (readonly number[])[]): number[] {
    const rank = Math.max(...shapes.map((s) => s.length));
    return Array.from({ length: rank }, (_, i) => {
      let dim = 1;
      for (const shape of shapes) {
        const d = shape[i - rank + shape.length] ?? 1;
        if (d === 1) continue;
        if (dim !== 1 && d !== dim)
          this.fail(`shapes ${shapes.map((s) => `[${s}]`).join(' and ')} do not broadcast together`);
        dim = d;
      }
      return dim;
    });
  }

  /** Inputs `first` onwards must share one element type; returns it. */
  sameDtype(first = 0, last = this.node.inputs.length - 1): DataType {
    const dtype = this.dtype(first);
    for (let i = first + 1; i <= last; i++)
      if (this.dtype(i) !== dtype) this.fail(`inputs have different element types: ${dtype} and ${this.dtype(i)}`);
    return dtype;
  }
}
