// A file whose stored weights became floats (dequantise.ts), with the nodes and numbers that it had before: the floats,
// trained or not, are rounded again as they were. Floats that something new reads, or that nothing reads any more, as
// after a change of the head, stay what they are.

import { decodeTensor } from '../decode.js';
import { encodeTensor } from '../encode.js';
import { graphOf, type Model } from '../model.js';
import type { GraphProto, NodeProto } from '../onnx_pb.js';
import type { Tensor } from '../tensor.js';
import type { Rounded, WasStored } from './dequantise.js';
import { type Kept, roundBlocks, roundLinear } from './round-again.js';
import { blockValues, linearValues } from './stored-values.js';
import { copyOfGraph, dropDeadNodes } from './surgery.js';

export interface Requantised {
  model: Model;
  /** Those of `weights` that the file still has as floats. */
  weights: Map<string, Tensor>;
  /** Of each tensor of numbers: ‖rounded − trained‖ over ‖trained‖. */
  differences: Map<string, number>;
}

export function requantise(model: Model, was: WasStored, weights: ReadonlyMap<string, Tensor>): Requantised {
  const copy = copyOfGraph(model);
  const graph = graphOf(copy);
  putNodesBack(graph, was);
  dropDeadNodes(graph);
  const read = new Set(graph.node.flatMap(({ input }) => input));
  const differences = new Map<string, number>();
  const made = new Map<string, Tensor>();
  const keeps = keptOf(was);
  for (const rounded of was.rounded) {
    if (!read.has(rounded.numbers)) continue;
    const tensor = weights.get(rounded.name) ?? floatsIn(model, rounded.name);
    if (!tensor) continue;
    const { numbers, difference } = roundedAs(tensor, rounded, { model, was }, keeps(rounded));
    for (const [name, value] of numbers) made.set(name, value);
    differences.set(rounded.numbers, difference);
  }
  graph.initializer = graph.initializer.map((tensor) => {
    const value = made.get(tensor.name);
    return value ? encodeTensor(value, tensor.name) : tensor;
  });
  const left = new Set(graph.initializer.map(({ name }) => name));
  const gone = new Set(was.rounded.map(({ name }) => name).filter((name) => !left.has(name)));
  return { model: copy, weights: new Map([...weights].filter(([name]) => !gone.has(name))), differences };
}

function floatsIn(model: Model, name: string): Tensor | undefined {
  const tensor = graphOf(model).initializer.find((one) => one.name === name);
  return tensor && decodeTensor(tensor, `initializer '${name}'`, model);
}

/**
 * What must stay: what several weights have, and all scales of a file whose biases are stored with the products of the
 * scales of inputs and weights, which runtimes take to be exactly that.
 */
function keptOf({ graph, rounded }: WasStored): (of: Rounded) => Kept {
  const stored = new Map(graph.initializer.map((tensor) => [tensor.name, tensor.dataType]));
  const int32 = 6;
  const byProducts = rounded.some(({ numbers }) => stored.get(numbers) === int32);
  const owners = new Map<string, Set<string>>();
  for (const { numbers, scale, zero } of rounded)
    for (const name of [scale, zero]) owners.set(name, (owners.get(name) ?? new Set()).add(numbers));
  // What rounds activations by a scale has it too.
  const others = new Set(
    graph.node.flatMap(({ opType, input }) => (/^(QuantizeLinear|QLinear|QGemm)/.test(opType) ? input : [])),
  );
  const isShared = (name: string): boolean => owners.get(name)!.size > 1 || others.has(name);
  return ({ scale, zero }) => ({ scales: byProducts || isShared(scale), zeros: zero !== '' && isShared(zero) });
}

function roundedAs(
  floats: Tensor,
  { numbers, scale, zero, layout }: Rounded,
  { model, was }: { model: Model; was: WasStored },
  keep: Kept,
): { numbers: [string, Tensor][]; difference: number } {
  const tensor = (name: string): Tensor => {
    const proto = was.graph.initializer.find((one) => one.name === name)!;
    return decodeTensor(proto, `initializer '${name}'`, model);
  };
  const of = { numbers: tensor(numbers), scales: tensor(scale), zeros: zero ? tensor(zero) : undefined };
  const isBlocked = 'bits' in layout;
  const made = isBlocked ? roundBlocks(floats, of, layout, keep) : roundLinear(floats, of, layout, keep);
  if (!made) return { numbers: [], difference: 0 };
  const parts = [made.numbers, made.scales, made.zeros] as const;
  const back = isBlocked ? blockValues(parts, layout) : linearValues(...parts, layout);
  const [w, q] = [floats.numbers(), back.numbers()];
  const square = (values: readonly number[]): number => values.reduce((sum, v) => sum + v * v, 0);
  const difference = Math.sqrt(square(w.map((v, i) => q[i]! - v)) / (square(w) || 1));
  const names = [
    [numbers, made.numbers],
    [scale, made.scales],
    ...(made.zeros ? [[zero, made.zeros] as const] : []),
  ] as [string, Tensor][];
  return { numbers: names, difference };
}

/** Puts back, in place, the nodes of the file whose substitutes are still as they were made, and what they read. */
function putNodesBack(graph: GraphProto, { graph: before, replaced }: WasStored): void {
  const kept = new Set(graph.node.map(signature));
  const constants = new Set(graph.initializer.map(({ name }) => name));
  const back = new Map<string, NodeProto>();
  const gone = new Set<string>();
  const first: NodeProto[] = [];
  for (const { node, by } of replaced) {
    const last = by.at(-1);
    if (!last) {
      if (constants.has(node.output[0]!)) first.push(node);
    } else if (by.every((made) => kept.has(signature(made)))) {
      for (const made of by) gone.add(signature(made));
      back.set(signature(last), node);
    }
  }
  const producers = new Map(before.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const stored = new Map(before.initializer.map((tensor) => [tensor.name, tensor]));
  const floats = new Set(first.map(({ output }) => output[0]!));
  graph.initializer = graph.initializer.filter(({ name }) => !floats.has(name));
  const known = new Set([
    ...graph.input.map(({ name }) => name),
    ...graph.initializer.map(({ name }) => name),
    ...graph.node.filter((node) => !gone.has(signature(node))).flatMap(({ output }) => output),
  ]);
  const nodes: NodeProto[] = [];
  /** The node behind what it reads, where the graph does not have that any more. */
  const add = (node: NodeProto): void => {
    for (const name of node.output) known.add(name);
    for (const name of node.input) {
      if (name === '' || known.has(name)) continue;
      known.add(name);
      const [tensor, producer] = [stored.get(name), producers.get(name)];
      if (tensor) graph.initializer.push(tensor);
      else if (producer) add(producer);
    }
    nodes.push(node);
  };
  for (const node of first) add(node);
  for (const node of graph.node) {
    const original = back.get(signature(node));
    if (original) add(original);
    else if (!gone.has(signature(node))) nodes.push(node);
  }
  graph.node = nodes;
}

const signature = ({ opType, input, output }: NodeProto): string => JSON.stringify([opType, input, output]);
