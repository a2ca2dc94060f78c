// A graph for the smallest inputs that its file allows, to judge it before data are there: what the file itself asks
// for shows then, whatever batches will be. Dimensions that the file leaves open are 1 along the first axis, else one
// length for all; a network may need larger ones than another, so a few are tried. A decoder reads whole sequences in
// training, so its cache is empty first.

import { OrtuneError } from '../errors.js';
import { quote } from '../quote.js';
import { checkInputType, checkPeak, checkWork, OverBudget, weightElements } from './budget.js';
import { cacheAxis, isCache } from './cache-inputs.js';
import type { Construct, Graph, ValueInfo } from './graph.js';
import { specialize } from './specialize.js';
import { unknownOperators } from './unknown.js';

const lengths = [8, 64, 224];

/**
 * Dimensions of one name have one size. Undefined where an input's rank is not known.
 * @param empty whether caches are
 */
function nominalShapes(
  inputs: readonly ValueInfo[],
  { length, empty }: { length: number; empty: boolean },
): Record<string, number[]> | undefined {
  const named = new Map<string, number>();
  const shapes: Record<string, number[]> = {};
  for (const { name, shape } of inputs) {
    if (!shape) return undefined;
    const growing = empty && isCache(name) ? cacheAxis(shape) : -1;
    shapes[name] = shape.map((dim, axis) => {
      if (typeof dim === 'number') return dim;
      if (axis === growing) return 0;
      const size = axis === 0 ? 1 : length;
      if (dim === null) return size;
      const known = named.get(dim) ?? size;
      named.set(dim, known);
      return known;
    });
  }
  return shapes;
}

/** The names of open dimensions behind the first axis; null: one without a name. */
const openDims = (inputs: readonly ValueInfo[]): Set<string | null> =>
  new Set(inputs.flatMap(({ shape }) => (shape ?? []).slice(1).filter((dim) => typeof dim !== 'number')));

/** What became of each node with sub-graphs; a Loop within another is there with its last run. */
export type Became = Map<Construct, string>;

/**
 * Judges a graph by its smallest inputs.
 * @param became gets what the nodes with sub-graphs are for these inputs
 * @returns what is wrong with its shapes, where the inputs that were tried may be the reason; undefined: nothing
 * @throws OverBudget for a graph that asks for more than maxGraphMemory; ModelError where its shapes contradict each
 * other whatever its inputs are
 */
export function judgeGraph(graph: Graph, became: Became = new Map()): string | undefined {
  for (const { name, dtype, shape } of graph.inputs) {
    const known = shape?.map((d) => (typeof d === 'number' ? d : 1));
    if (known) checkInputType(name, { dtype, shape: known }, graph.maxBytes);
  }
  // What computes with them has no shapes either.
  if (unknownOperators(graph).length > 0) return undefined;
  const open = openDims(graph.inputs);
  let failure: OrtuneError | undefined;
  const caches = graph.inputs.some(({ name }) => isCache(name)) ? [true, false] : [false];
  const tried = caches.flatMap((empty) => (open.size > 0 ? lengths : [1]).map((length) => ({ length, empty })));
  for (const sizes of tried) {
    const shapes = nominalShapes(graph.inputs, sizes);
    if (!shapes) return undefined;
    try {
      became.clear();
      const nominal = specialize(graph, shapes, { onControl: (construct, as) => became.set(construct, as) });
      checkPeak(nominal, graph.maxBytes);
      checkWork(nominal, graph.maxBytes, weightElements(nominal));
      return undefined;
    } catch (error) {
      if (!(error instanceof OrtuneError) || error instanceof OverBudget) throw error;
      failure ??= error;
    }
  }
  // Several lengths may have to fit each other in ways that nobody can guess, and a file may be made for one batch
  // without saying so.
  const openBatch = graph.inputs.some(
    ({ shape }) => shape !== null && shape !== undefined && typeof shape[0] !== 'number',
  );
  if (openBatch || open.size > 1 || /depends on the data|has no static type/.test(failure!.message))
    return failure!.message;
  throw failure!;
}

/** What to say of inputs that are bound and of the nodes with sub-graphs before a run. */
export const controlNotes = ({ bound }: Graph, became: Became): string[] => [
  ...[...bound].map(([name, value]) => `input ${quote(name)} is ${value} in training, evaluation and prediction`),
  ...[...became].flatMap(([{ op, name }, as]) => {
    if (op !== 'If')
      return [`${op} ${quote(name)} is written out for the shapes of each batch: ${as} for the smallest input`];
    return as === 'both branches'
      ? [
          `If ${quote(name)} is decided by the data: both of its branches are computed, and gradients go into the one that is taken`,
        ]
      : [];
  }),
];
