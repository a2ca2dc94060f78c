// Names, order and Identity nodes: what exporters do in their own ways and later stages should not see.

import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import type { Construct, Graph, Node, Value } from '../graph.js';
import type { Model } from '../model.js';
import type { NodeProto } from '../onnx_pb.js';
import { uniqueNames } from './names.js';

/** Gives each node its own name, else `<operator>_<n>`, made unique. Call once per node, in the file's order. */
export function nameNodes(): (node: NodeProto) => string {
  const unique = uniqueNames([]);
  let index = 0;
  return (node) => {
    const stem = node.name || `${node.opType}_${index}`;
    index++;
    return unique(stem);
  };
}

/**
 * Topological order, the file's where that is one already.
 * ModelError: a value that nothing computes or that two nodes compute, a cycle.
 */
export function sortNodes(graph: Graph, model: Pick<Model, 'path'>): void {
  const producers = new Map<Value, Node>();
  const given = new Set([...graph.initializers.keys(), ...graph.inputs.map((v) => v.name)]);
  const damaged = (what: string): never => {
    throw new ModelError(`${model.path} is damaged: ${what}. Export or download the model again.`);
  };
  for (const node of graph.nodes)
    for (const out of node.outputs) {
      if (!out) continue;
      if (producers.has(out) || given.has(out))
        damaged(`value ${quote(out)} is computed twice (node ${quote(node.name)})`);
      producers.set(out, node);
    }

  const sorted: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  // Depth first without recursion: graphs are thousands of nodes deep.
  const visit = (root: Node): void => {
    const stack = [root];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      if (state.get(node) === 'done') {
        stack.pop();
        continue;
      }
      const waiting = pendingInputs(node);
      if (waiting.length === 0) {
        stack.pop();
        state.set(node, 'done');
        sorted.push(node);
      } else {
        if (state.get(node) === 'open') damaged(`node ${quote(node.name)} depends on its own output`);
        state.set(node, 'open');
        stack.push(...waiting);
      }
    }
  };
  const conditions = conditionsOf(graph.nodes);
  const pendingInputs = (node: Node): Node[] => {
    const waiting: Node[] = [];
    for (const input of [...node.inputs, ...conditionsAround(node, conditions)]) {
      if (!input || given.has(input)) continue;
      const producer = producers.get(input);
      if (!producer) damaged(`node ${quote(node.name)} (${node.op}) reads ${quote(input)}, which nothing computes`);
      else if (state.get(producer) !== 'done') waiting.push(producer);
    }
    return waiting;
  };
  for (const node of graph.nodes) visit(node);
  for (const { name } of graph.outputs)
    if (!producers.has(name) && !given.has(name)) damaged(`nothing computes the output ${quote(name)}`);
  graph.nodes = sorted;
}

/** The condition of each If that has an output. */
export const conditionsOf = (nodes: readonly Node[]): Map<Construct, Value> =>
  new Map(nodes.flatMap(({ construct, inputs }) => (construct?.op === 'If' ? [[construct, inputs[0]!] as const] : [])));

/** A node in a branch comes after the condition, which says whether it runs. */
function conditionsAround(node: Node, conditions: ReadonlyMap<Construct, Value>): Value[] {
  const found: Value[] = [];
  for (let block = node.block; block; block = block.outer) {
    const condition = conditions.get(block.of);
    if (condition !== undefined) found.push(condition);
  }
  return found;
}

/**
 * Removes Identity nodes: readers take the source instead, so that a tensor exported under two names is one
 * parameter again. A graph output keeps its name; its Identity stays when the source is an input, an initializer
 * or another output.
 */
export function dropIdentities(graph: Graph): void {
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const producers = graph.producers();
  const source = new Map<Value, Value>();
  // A name may come to stand for another later, when an output takes its place.
  const follow = (value: Value): Value => {
    let name = value;
    for (let next = source.get(name); next !== undefined; next = source.get(name)) name = next;
    return name;
  };
  const kept: Node[] = [];
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map(follow);
    const [x, y] = [node.inputs[0], node.outputs[0]];
    if (node.op !== 'Identity' || node.domain !== '' || !x || !y) {
      kept.push(node);
      continue;
    }
    const producer = producers.get(x);
    if (!outputs.has(y)) source.set(y, x);
    else if (!producer || outputs.has(x)) kept.push(node);
    else {
      // The producer computes the output directly; whoever read the producer's value reads the output.
      producer.outputs = producer.outputs.map((o) => (o === x ? y : o));
      source.set(x, y);
      producers.set(y, producer);
    }
  }
  for (const node of kept) node.inputs = node.inputs.map(follow);
  graph.nodes = kept;
}
