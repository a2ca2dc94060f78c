// Which tensors of a graph are weights: those that were learned, as against numbers of the arithmetic (√d, masks,
// epsilons). Whatever a derivative reaches is one, wherever it stands, unless its use, its values or its origin say
// that it is a constant. Exporters rename tensors, so a name counts only where nothing else tells.

import { isFloat } from '../onnx/dtype.js';
import { type Graph, type Node, operatorKey, type Value } from '../onnx/graph.js';
import { type Role, traitsOf, type WeightRole } from '../onnx/operators.js';
import type { Tensor } from '../onnx/tensor.js';
import { quote } from '../quote.js';
import type { Flow } from './flow.js';
import { isArithmetic, knownTable } from './known-tables.js';
import { beforeMerge } from './names.js';
import { storedBecause } from './stored.js';

/** Whether a weight may go through a node that reads it as `value`: the node only arranges or casts what it reads. */
function passesOn(node: Node, value: Value): boolean {
  const { moves, rounds } = traitsOf(node);
  // What a branch gives is what its If gives.
  if (moves === 'joins' || (node.construct?.op === 'If' && node.inputs.indexOf(value) > 0)) return true;
  return (
    (rounds || node.op === 'Cast' || (moves !== undefined && moves !== 'picks')) && node.inputs.indexOf(value) === 0
  );
}

export interface Use {
  role: Role;
  node: Node;
  /** Which of the node's inputs it is. */
  input: number;
}

/** What a weight does to what it meets: mixes channels (or is looked up), scales them, or is added to them. */
export type WeightKind = 'matrix' | 'scale' | 'bias';

/** By how the weight is used, first use first; a table that is added (positions) is a matrix. */
export function kindOf([use]: readonly Use[], whole: readonly number[]): WeightKind {
  const { role, node, input } = use!;
  const trait = traitsOf(node).weights?.[input];
  if (trait?.matrix) return 'matrix';
  const shape = trait?.stacked ? whole.slice(1) : whole;
  const spread = shape.filter((d) => d > 1).length > 1;
  if (role === 'bias') return spread ? 'matrix' : 'bias';
  return node.op === 'Mul' || node.op.endsWith('Normalization') || !(spread || shape.length > 1) ? 'scale' : 'matrix';
}

/**
 * The nodes that compute with a tensor, behind what only arranges or casts it: depth first, in the order of the graph.
 */
function readersOf(consumers: Map<Value, Node[]>, name: Value): { node: Node; input: number }[] {
  const readers: { node: Node; input: number }[] = [];
  const seen = new Set([name]);
  const waiting = (consumers.get(name) ?? []).map((node) => ({ node, value: name })).reverse();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { node, value } = next;
    if (traitsOf(node).measures) continue;
    if (!passesOn(node, value)) {
      for (const [input, x] of node.inputs.entries()) if (x === value) readers.push({ node, input });
      continue;
    }
    const further = node.outputs.filter((out) => out !== '' && !seen.has(out));
    for (const out of further) seen.add(out);
    const behind = further.flatMap((value) => (consumers.get(value) ?? []).map((node) => ({ node, value })));
    waiting.push(...behind.reverse());
  }
  return readers;
}

/** Names by which modules of PyTorch and Keras keep what is not learned, where the graph shows a bias or a factor. */
const buffers = new Map([
  ['running_mean', 'a statistic'],
  ['running_var', 'a statistic'],
  ['moving_mean', 'a statistic'],
  ['moving_variance', 'a statistic'],
  ['inv_freq', 'the frequencies of positions'],
  ['original_inv_freq', 'the frequencies of positions'],
  ['final_logits_bias', "a constant of BART's kind"],
  ['masked_bias', 'a mask'],
]);

/** What `judgeTensor` is asked about. */
export interface Candidate {
  /** The tensor's name in the graph. */
  name: Value;
  /** Its name in its file. */
  inFile: string;
  /** Whether the file has it as a Constant node's value. */
  constant: boolean;
}

/** Where derivatives reach a tensor, and why it is no weight all the same; without uses it cannot be one. */
export interface Judgement {
  uses: Use[];
  constant?: string;
}

/** Judges one float tensor of the file. */
export function judgeTensor(graph: Graph, flow: Flow, candidate: Candidate): Judgement {
  const { name, inFile, constant } = candidate;
  const tensor = graph.initializers.get(name)!;
  const readers = readersOf(flow.consumers, name);
  const none = (why: string): Judgement => ({ uses: [], constant: why });
  if (readers.length === 0) return none('nothing reads it');
  const stored = readers.map(({ node, input }) => storedBecause(node, input)).find((why) => why !== undefined);
  if (stored !== undefined) return none(stored);
  const uses: Use[] = [];
  const unusual: { node: Node; input: number }[] = [];
  for (const { node, input } of readers) {
    const op = operatorKey(node);
    const { given, weights } = traitsOf(node);
    const what = given?.[input];
    if (what) return none(`${op} ${quote(node.name)} reads it as ${what}, which is not trained`);
    if (!flow.through(node, input)) continue;
    const position = weights?.[input];
    const usual = position !== undefined && !(position.matrix && tensor.shape.length < 2);
    if (usual && isMadeUp(tensor, position, constant))
      return none(`${op} ${quote(node.name)} has it at ${position.plain} all over: a normalisation without weights`);
    if (!usual) unusual.push({ node, input });
    uses.push({ role: position?.role ?? 'weight', node, input });
  }
  if (uses.length === 0) {
    const { node, input } = readers[0]!;
    return none(`no derivative flows through input ${input} of ${operatorKey(node)} ${quote(node.name)}`);
  }
  const buffer = buffers.get(beforeMerge(inFile).split(/[./]/).at(-1)!);
  if (buffer) return { uses, constant: `its name says that it is ${buffer}` };
  const why = constantBecause(graph, flow, { ...candidate, tensor, uses, unusual });
  return why === undefined ? { uses } : { uses, constant: why };
}

/**
 * Whether an exporter wrote the operand of a layer that has none, in a Constant node or as the operator is known for.
 */
const isMadeUp = (tensor: Tensor, { plain, always }: WeightRole, constant: boolean): boolean =>
  plain !== undefined && (always || constant) && tensor.numbers().every((v) => v === plain);

/** Why a tensor that takes part in the arithmetic is a constant of it, or undefined for a weight. */
function constantBecause(
  graph: Graph,
  flow: Flow,
  of: Candidate & { tensor: Tensor; uses: Use[]; unusual: { node: Node; input: number }[] },
): string | undefined {
  const { tensor, uses, unusual, inFile, constant } = of;
  const [first] = unusual;
  const place = first && `${operatorKey(first.node)} ${quote(first.node.name)} reads as input ${first.input}`;
  if (tensor.size === 1) {
    const number =
      tensor.shape.length === 0 || unusual.length > 0 || uses.some(({ node }) => traitsOf(node).takesNumbers);
    const anonymous = tensor.shape.length === 0 && !isOfModule(inFile);
    return number && (constant || anonymous || isArithmetic(tensor.numbers()[0]!)) ? 'a number' : undefined;
  }
  if (place && constant) return `a Constant node's value, which ${place}`;
  if (uses.every(({ role }) => role === 'bias') && isEmptyRow(tensor) && !isOfModule(beforeMerge(inFile)))
    return "a row of zeros that is added, as the constant of BART's kind is";
  if (uses.some(({ node }) => node.op === 'Sub' || node.op === 'Div') && scalesInput(graph, flow, of))
    return 'the mean or deviation by which an input is normalised';
  if (uses.every(({ node }) => givesAngles(flow, node)))
    return 'the frequencies of positions, which sines and cosines are taken of';
  const table = place || uses.some(mayReadTable) ? knownTable(tensor) : undefined;
  // Vectors looked up or multiplied may still be what they were drawn as.
  if (table && !(table === 'a mask' && uses.every(({ node }) => node.op === 'Gather' || node.op === 'MatMul')))
    return `${table}: a table of constants`;
  return place && !isOfModule(inFile) && tensor.numbers().every(isArithmetic)
    ? `a constant of the exporter, which ${place}`
    : undefined;
}

/** [1, N] zeros: a bias that is learned has one axis. */
const isEmptyRow = (tensor: Tensor): boolean =>
  tensor.shape.length === 2 && tensor.shape[0] === 1 && tensor.numbers().every((x) => x === 0);

/** Places of tables that were computed: what is added or multiplied, looked up, or given to a learned layer. */
const mayReadTable = ({ node: { op }, input }: Use): boolean =>
  ['Add', 'Mul', 'Sub', 'Gather'].includes(op) || ((op === 'MatMul' || op === 'Gemm') && input === 0);

/** A name as modules have: words joined by dots, none that an exporter made up. */
export const isOfModule = (name: string): boolean =>
  /^[A-Za-z_]\w*(\.\w+)*$/.test(name) &&
  !/^(val_|_?tensor_constant|_?lifted_tensor|c_lifted|const|scalar)|_output_\d+$/i.test(name);

/**
 * Whether the uses of a tensor subtract it from a float input of the graph, or divide what was so shifted by it. Where
 * it differs along an axis that the input had to be given first, it is compared with the input and does not scale it:
 * the centres of radial functions.
 */
function scalesInput(graph: Graph, flow: Flow, { tensor, uses }: { tensor: Tensor; uses: readonly Use[] }): boolean {
  const inputs = new Map(graph.inputs.filter(({ dtype }) => isFloat(dtype)).map(({ name, shape }) => [name, shape]));
  const fromInput = (value: Value): boolean => {
    let node: Node | undefined;
    for (let v = value; ; v = node.inputs[0]!) {
      if (inputs.has(v)) return true;
      node = flow.producers.get(v);
      if (!node || !['Sub', 'Cast', 'Identity', 'Transpose', 'Reshape', 'Unsqueeze'].includes(node.op)) return false;
    }
  };
  const spreads = (value: Value): boolean => {
    const node = flow.producers.get(value);
    if (node?.op !== 'Unsqueeze') return false;
    const axes = graph.initializers.get(node.inputs[1] ?? '')?.numbers() ?? [];
    const rank = inputs.get(node.inputs[0]!)?.length;
    return axes.some((axis) => {
      const fromEnd = axis < 0 ? -axis : rank === undefined ? 0 : rank + axes.length - axis;
      return fromEnd > 0 && (tensor.shape.at(-fromEnd) ?? 1) > 1;
    });
  };
  return uses.every(({ node }) => {
    const [value] = node.inputs as [Value];
    return (node.op === 'Sub' || node.op === 'Div') && fromInput(value) && !spreads(value);
  });
}

/** Whether a node multiplies what depends on whole numbers alone (positions) and only sines or cosines read it. */
function givesAngles(flow: Flow, node: Node): boolean {
  if (node.op !== 'Mul' && node.op !== 'MatMul') return false;
  let angles = 0;
  const waiting = [...node.outputs];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop())
    for (const reader of flow.consumers.get(value) ?? []) {
      if (reader.op === 'Sin' || reader.op === 'Cos') angles++;
      else if (passesOn(reader, value)) waiting.push(...reader.outputs);
      else if (!traitsOf(reader).measures) return false;
    }
  return angles > 0 && node.inputs.some((input) => flow.isOfPositions(input));
}
