// Gives every graph input its requested shape, and checks that shapes with a common symbolic dimension agree.

import { UsageError } from '../../errors.js';
import { quote } from '../../quote.js';
import { checkInputType } from '../budget.js';
import type { Dim, Graph, Value, ValueInfo } from '../graph.js';

const show = (shape: readonly Dim[] | undefined): string =>
  shape ? `[${shape.map((d) => d ?? '?').join(', ')}]` : 'of unknown rank';

function shapeFor(input: ValueInfo, wanted: readonly number[] | undefined): number[] {
  const declared = input.shape;
  if (wanted === undefined) {
    if (declared?.every((d) => typeof d === 'number')) return declared as number[];
    throw new UsageError(`input ${quote(input.name)} ${show(declared)} has no shape: give it one`);
  }
  const refuse = (why: string): never => {
    throw new UsageError(`input ${quote(input.name)} is ${show(declared)}, so it cannot be ${show(wanted)}: ${why}`);
  };
  // An empty input is one that the model may do without, such as a cache of what was read before.
  if (
    !wanted.every((d, i) => Number.isInteger(d) && (d > 0 || (d === 0 && i > 0 && typeof declared?.[i] !== 'number')))
  )
    refuse('dimensions must be positive integers');
  if (declared && declared.length !== wanted.length)
    refuse(`expected ${declared.length} dimensions, found ${wanted.length}`);
  for (const [i, d] of wanted.entries())
    if (typeof declared?.[i] === 'number' && declared[i] !== d)
      refuse(`dimension ${i} is ${declared[i]} in the model; give that, or export the model with a dynamic dimension`);
  return [...wanted];
}

/**
 * Sets the static type and shape of every graph input, in place.
 * @throws UsageError for an input without a shape, a shape for no input, and shapes that contradict the model or
 * each other.
 */
export function bindInputs(graph: Graph, inputShapes: Record<Value, readonly number[]>): void {
  const names = new Set(graph.inputs.map(({ name }) => name));
  for (const name of Object.keys(inputShapes))
    if (!names.has(name))
      throw new UsageError(
        `the model has no input ${quote(name)}; its inputs are ${graph.inputs.map((i) => quote(i.name)).join(', ')}`,
      );
  const bound = new Map<string, { size: number; input: string }>();
  for (const input of graph.inputs) {
    const shape = shapeFor(input, inputShapes[input.name]);
    checkInputType(input.name, { dtype: input.dtype, shape }, graph.maxBytes);
    for (const [i, dim] of (input.shape ?? []).entries()) {
      if (typeof dim !== 'string') continue;
      const known = bound.get(dim);
      if (known && known.size !== shape[i])
        throw new UsageError(
          `dimension ${quote(dim)} is ${known.size} in input ${quote(known.input)} but ${shape[i]} in input ${quote(input.name)}: ` +
            'both must have one size',
        );
      bound.set(dim, { size: shape[i]!, input: input.name });
    }
    input.shape = shape;
    graph.types.set(input.name, { dtype: input.dtype, shape });
  }
}
