// What of a graph derivatives flow through, looked up many times while its tensors are judged one by one.

import { flowsInto } from '../autodiff/rules.js';
import { isFloat } from '../onnx/dtype.js';
import type { Graph, Node, Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';

export class Flow {
  readonly consumers: Map<Value, Node[]>;
  readonly producers: Map<Value, Node>;
  /** Values that derivatives of the outputs reach. */
  readonly #reached: Set<Value>;
  readonly #floats: Set<Value>;
  readonly #positions = new Map<Value, boolean>();

  constructor(graph: Graph, outputs: readonly Value[]) {
    this.consumers = graph.consumers();
    this.producers = graph.producers();
    this.#floats = new Set([
      ...graph.inputs.filter(({ dtype }) => isFloat(dtype)).map(({ name }) => name),
      ...[...graph.initializers].filter(([, { dtype, size }]) => isFloat(dtype) && size > 1).map(([name]) => name),
    ]);
    this.#reached = new Set(outputs);
    for (const node of graph.nodes.toReversed())
      for (const [i, input] of node.inputs.entries()) if (this.through(node, i)) this.#reached.add(input);
  }

  /** Whether derivatives of the outputs flow through an input of a node; an operator without a rule lets them. */
  through(node: Node, input: number): boolean {
    if (!node.outputs.some((out) => this.#reached.has(out))) return false;
    return flowsInto(node, input);
  }

  /** Whether a value depends on whole numbers alone: on ids, masks and shapes, and on no float input or table. */
  isOfPositions(value: Value): boolean {
    const known = this.#positions.get(value);
    if (known !== undefined) return known;
    const seen = new Set<Value>([value]);
    let found = true;
    for (const v of seen) {
      if (this.#floats.has(v)) found = false;
      if (!found) break;
      const node = this.producers.get(v);
      if (node && !traitsOf(node).measures) for (const input of node.inputs) if (input !== '') seen.add(input);
    }
    this.#positions.set(value, found);
    return found;
  }
}
