// One budget for graphs: what a model file may ask for in memory and work before anything is computed, so that a small
// file cannot fill a machine. A file's few bytes may state a range of 2^31 numbers, pads of 2^40, or functions that
// call each other a billion times; all of it is counted here, from types alone, and refused with the node that asks.
// What batches of a user's own data take is another matter: memoryLimit, and the machine.

import { ModelError } from '../errors.js';
import { formatBytes } from '../format.js';
import { quote } from '../quote.js';
import { bytesPerElement } from './dtype.js';
import { type Construct, type Graph, type Node, operatorKey, type StaticType, type Value } from './graph.js';
import { traitsOf, workOf } from './operators.js';
import { elementCount } from './tensor.js';

/** Default of the option maxGraphMemory, in bytes. */
export const defaultGraphMemory = 2 ** 30;

/** A model file that asks for more than maxGraphMemory. */
export class OverBudget extends ModelError {}

const advice = (limit: number): string =>
  `more than maxGraphMemory allows (${formatBytes(limit)}): the file is damaged, or it needs a larger maxGraphMemory`;

/** What a node takes while graphs are made of it: its copies in a training graph, and the runtime's. */
export const bytesPerNode = 16 * 2 ** 10;

/** @throws OverBudget for more nodes, inputs and outputs than the budget holds; functions count as often as called */
export function checkNodeCount(count: number, path: string, limit: number): void {
  if (count * bytesPerNode > limit)
    throw new OverBudget(
      `${path} has more than ${Math.floor(limit / bytesPerNode)} nodes, functions counted as often as they are called. ` +
        `A graph of them would take over ${formatBytes(limit)}, ${advice(limit)}.`,
    );
}

/** @throws OverBudget where the iterations of a Loop or Scan, written out, have more nodes than the budget holds */
export function checkRepeated(count: number, { op, name }: Construct, limit: number): void {
  if (count * bytesPerNode > limit)
    throw new OverBudget(
      `node ${quote(name)} (${op}): its iterations, written out, have more than ${Math.floor(limit / bytesPerNode)} nodes, which would ` +
        `take over ${formatBytes(limit)}, ${advice(limit)}. Fewer iterations need less: shorter inputs, or an export without the loop.`,
    );
}

/** More than any operator takes. */
const mostAxes = 64;

export const bytesOfType = ({ dtype, shape }: StaticType): number => elementCount(shape) * bytesPerElement(dtype);

const described = ({ dtype, shape }: StaticType): string => `${dtype} [${shape.slice(0, 16).join(', ')}]`;

/** What is wrong with the type of a value, to follow its name: impossible, or more than the budget holds. */
export function typeProblem(type: StaticType, limit: number): { problem: string; tooLarge: boolean } | undefined {
  if (type.shape.length > mostAxes)
    return { problem: `has ${type.shape.length} axes, expected at most ${mostAxes}`, tooLarge: false };
  if (!type.shape.every((d) => d >= 0 && Number.isSafeInteger(d)))
    return { problem: `has the impossible shape [${type.shape.slice(0, 16).join(', ')}]`, tooLarge: false };
  const bytes = bytesOfType(type);
  // An empty tensor may still have an axis that nothing can loop over.
  const largest = bytes === 0 ? Math.max(0, ...type.shape) : bytes;
  if (largest <= limit) return undefined;
  return { problem: `is ${described(type)}, which takes ${formatBytes(largest)}, ${advice(limit)}`, tooLarge: true };
}

/** @throws OverBudget, or ModelError for an impossible shape */
export function checkInputType(name: string, type: StaticType, limit: number): void {
  const wrong = typeProblem(type, limit);
  if (!wrong) return;
  throw new (wrong.tooLarge ? OverBudget : ModelError)(`input ${quote(name)} ${wrong.problem}.`);
}

/** @throws OverBudget: `what` of `bytes` that a node needs beside its outputs */
export function checkBytes(node: Node, what: string, bytes: number, limit: number): void {
  if (bytes > limit) throw overBudget(node, `${what} would take ${formatBytes(bytes)}`, limit);
}

const overBudget = (node: Node, takes: string, limit: number): OverBudget =>
  new OverBudget(`node ${quote(node.name)} (${operatorKey(node)}): ${takes}, ${advice(limit)}.`);

/** Multiply-adds that a byte of the budget stands for, and an element of a weight: large files may ask for more. */
const [workPerByte, workPerWeight] = [64, 2 ** 20];
/** What an element of an output counts where no product is computed: kernels that are not matrix products are slow. */
const workPerElement = 16;

/** Multiply-adds of one run of a static graph, and the node that takes most. */
function workIn(graph: Graph): { work: number; most: Node | undefined } {
  let [work, largest, most]: [number, number, Node | undefined] = [0, 0, undefined];
  for (const node of graph.nodes) {
    const elements = node.outputs.reduce((sum, out) => sum + (out ? elementCount(graph.shape(out)) : 0), 0);
    const own = workOf(graph, node) + elements * windowOfPool(node) * workPerElement;
    if (own > largest) [largest, most] = [own, node];
    work += own;
  }
  return { work, most };
}

const windowOfPool = (node: Node): number => {
  const kernel = node.attrs.get('kernel_shape') ?? node.attrs.get('kernel');
  return traitsOf(node).product || node.op === 'Conv' || node.op === 'ConvTranspose' || !kernel
    ? 1
    : elementCount((kernel.value as readonly number[]).map(Number));
};

/**
 * @param elements of the file's weights: the more there are, the longer a graph may compute
 * @throws OverBudget for a graph that would compute for longer, in all its runs, than what its file holds justifies
 */
export function checkWork(graph: Graph, limit: number, elements: number, runs = 1): void {
  const { work, most } = workIn(graph);
  const allowed = limit * workPerByte + elements * workPerWeight;
  if (work * runs <= allowed || !most) return;
  const amount = `${(work * runs).toExponential(1)} multiply-adds${runs === 1 ? '' : ` in ${runs} runs`}`;
  throw overBudget(most, `the graph would compute ${amount}, most of them here`, limit);
}

export const weightElements = (graph: Graph): number =>
  [...graph.initializers.values()].reduce((sum, { size }) => sum + size, 0);

/** Bytes of values that one run of a static graph holds at most, its inputs and outputs always among them. */
export function checkPeak(graph: Graph, limit: number): void {
  const last = new Map<Value, number>();
  for (const [i, node] of graph.nodes.entries()) for (const x of node.inputs) last.set(x, i);
  for (const { name } of graph.outputs) last.set(name, graph.nodes.length);
  const bytesOf = (value: Value): number => bytesOfType(graph.type(value));
  let now = graph.inputs.reduce((sum, { name }) => sum + bytesOf(name), 0);
  let [largest, most]: [number, Node | undefined] = [0, undefined];
  const kept = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys(), '']);
  for (const [i, node] of graph.nodes.entries()) {
    let own = scratchOf(graph, node);
    for (const out of node.outputs) if (out) own += bytesOf(out);
    if (own > largest) [largest, most] = [own, node];
    if (now + own > limit)
      throw overBudget(most!, `the graph would hold ${formatBytes(now + own)} at once, most of them made here`, limit);
    now += own - scratchOf(graph, node);
    for (const x of new Set([...node.inputs, ...node.outputs]))
      if (!kept.has(x) && (last.get(x) ?? i) <= i) now -= bytesOf(x);
  }
}

/** What a node takes of the time and memory of the runtime, which plans all of a graph beforehand. */
const bytesPerPlannedNode = 64 * 2 ** 10;

/** Graphs that sessions are to be made of. */
export interface PlannedRuns {
  once: readonly Graph[];
  /** Run twice for each parameter. */
  often: Graph;
  /** Run where a difference is in doubt: the same operators as `often`, and as many. */
  seldom: Graph;
  parameters: number;
  /** Of the file. */
  weights: number;
}

/** What is checked of graphs before sessions are made of them: how much they hold, and how long they would run. */
export function checkSessions({ once, often, seldom, parameters, weights }: PlannedRuns, limit: number): void {
  const graphs = [...once, often];
  const planned = graphs.reduce(
    (sum, { nodes, inputs, outputs }) => sum + nodes.length + inputs.length + outputs.length,
    0,
  );
  if (planned * bytesPerPlannedNode > limit)
    throw new OverBudget(
      `the training graph and what it is compared with have ${planned} nodes, inputs and outputs, ` +
        `for which the runtime would plan ${formatBytes(planned * bytesPerPlannedNode)}, ${advice(limit)}.`,
    );
  for (const graph of [...graphs, seldom]) checkPeak(graph, limit);
  for (const graph of once) checkWork(graph, limit, weights);
  checkWork(often, limit, weights, 2 * parameters);
}

/** A transposed convolution is a product, [kernel, positions] for each image, whose columns are then added up. */
function scratchOf(graph: Graph, { op, domain, inputs: [x, w] }: Node): number {
  if (op !== 'ConvTranspose' || domain !== '') return 0;
  const positions = elementCount(graph.shape(x!).slice(2));
  return positions * elementCount(graph.shape(w!).slice(1)) * bytesPerElement(graph.type(x!).dtype);
}
