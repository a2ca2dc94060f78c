// Evaluates one node whose inputs are constants: shape arithmetic, position tables, masks of exports. It computes only
// what has one correctly rounded answer (see fold/arithmetic.ts), so a folded graph gives the bits of the unfolded one.
// It is not an interpreter: what it declines stays in the graph and is run by the runtime.

import { isPacked } from './dtype.js';
import { arithmetic } from './fold/arithmetic.js';
import { movement } from './fold/movement.js';
import { reductions } from './fold/reduce.js';
import type { Evaluator } from './fold/table.js';
import type { Graph, Node, StaticType } from './graph.js';
import { guarded } from './guarded.js';
import { TypeContext } from './shapes/context.js';
import { elementCount, Tensor } from './tensor.js';

/** Constants of more elements are left where they are: their bytes would be copied once per cached shape. */
export const foldLimit = 64 * 1024;

const evaluators: Readonly<Record<string, Evaluator>> = { ...arithmetic, ...movement, ...reductions };

/** The operators of the default domain that can be evaluated (some only for some inputs). */
export const foldableOperators: readonly string[] = [...Object.keys(evaluators), 'Shape', 'Size'];

/** Shape and Size need only the type of their input, not its value. */
function ofShape(context: TypeContext): Tensor[] | undefined {
  const { op } = context.node;
  if (op !== 'Shape' && op !== 'Size') return undefined;
  const shape = context.shape(0);
  if (op === 'Size') return [Tensor.scalar('int64', elementCount(shape))];
  return [Tensor.of('int64', shape.slice(context.int('start', 0), context.int('end', shape.length)))];
}

/**
 * The node's outputs as constants, or undefined where an input is not a constant, an output is larger than
 * `foldLimit`, or the operator is not one that can be evaluated exactly.
 * `constant` gives a value's tensor, or undefined for what must not be folded (data, trainable parameters).
 */
export function fold(
  graph: Graph,
  node: Node,
  types: readonly StaticType[],
  constant: (value: string) => Tensor | undefined,
): Tensor[] | undefined {
  if (node.domain !== '') return undefined;
  const context = new TypeContext(graph, node);
  const shape = ofShape(context);
  if (shape) return shape;
  const evaluate = Object.hasOwn(evaluators, node.op) ? evaluators[node.op] : undefined;
  if (!evaluate || types.some((t) => elementCount(t.shape) > foldLimit)) return undefined;
  const inputs: (Tensor | undefined)[] = [];
  for (const input of node.inputs) {
    const tensor = input ? constant(input) : undefined;
    if (input && (!tensor || isPacked(tensor.dtype))) return undefined;
    inputs.push(tensor);
  }
  const results = guarded(node, 'value', () => evaluate(context, inputs as Tensor[], types));
  return results?.every((t) => t !== undefined) ? (results as Tensor[]) : undefined;
}
