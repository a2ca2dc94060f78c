// Branches that a file decides before any shape is known: an If whose condition is a constant, and the one of a merged
// decoder, whose input says whether it goes on from a cache. Training runs over whole texts, without one, so that input
// is false; what only the other branch reads is no input of the graph then.

import { OrtuneError } from '../../errors.js';
import { type Bindings, boundTensor } from '../bindings.js';
import { blockOperators } from '../blocks.js';
import { isFloat } from '../dtype.js';
import { fold } from '../fold.js';
import { type Block, type Construct, Graph, type Node, type Value } from '../graph.js';
import { inferTypes } from '../shapes.js';
import type { Tensor } from '../tensor.js';
import { conditionsOf } from './tidy.js';

/** Conditions of longer computations are left to specialisation. */
const mostEvaluated = 32;

/** Inputs that choose a branch, and the branch that is trained. Source: the decoders that Optimum merges. */
const switches: ReadonlyMap<string, number> = new Map([['use_cache_branch', 0]]);

/** Binds inputs and takes the branches that are decided, in place; nodes of the others are left without readers. */
export function takeDecided(graph: Graph, bind: Bindings = new Map()): void {
  const conditions = conditionsOf(graph.nodes);
  const deciding = new Set(conditions.values());
  for (const input of graph.inputs) {
    const { name, dtype } = input;
    const value = bind.get(name) ?? (dtype === 'bool' && deciding.has(name) ? switches.get(name) : undefined);
    if (value === undefined) continue;
    graph.initializers.set(name, boundTensor(input, value));
    graph.bound.set(name, value);
  }
  graph.inputs = graph.inputs.filter(({ name }) => !graph.bound.has(name));
  const taken = new Map<Construct, number>();
  const producers = graph.producers();
  for (const [construct, condition] of conditions) {
    const constant = evaluated(graph, producers, condition);
    if (constant?.dtype === 'bool' && constant.size === 1) taken.set(construct, constant.numbers()[0] === 0 ? 1 : 0);
  }
  if (taken.size === 0) return;
  for (const [construct, branch] of taken) graph.decided.set(construct, blockOperators.If![branch]!);
  graph.nodes = graph.nodes
    .filter(({ block }) => !blocks(block).some(({ of, branch }) => (taken.get(of) ?? branch) !== branch))
    .map((node) => decided(node, taken));
}

/** A condition that follows from constants, none of them a float, which training may change; else undefined. */
function evaluated(graph: Graph, producers: ReadonlyMap<Value, Node>, condition: Value): Tensor | undefined {
  if (graph.initializers.has(condition)) return graph.initializers.get(condition);
  const nodes = computationOf(producers, condition);
  const given = nodes?.flatMap(({ inputs }) => inputs) ?? [];
  if (!nodes || given.some((v) => isFloat(graph.initializers.get(v)?.dtype ?? 'bool'))) return undefined;
  const scratch = new Graph();
  scratch.initializers = new Map(
    given.flatMap((v) => (graph.initializers.has(v) ? [[v, graph.initializers.get(v)!]] : [])),
  );
  for (const [name, { dtype, shape }] of scratch.initializers) scratch.types.set(name, { dtype, shape });
  for (const node of nodes) {
    if (node.construct || node.inputs.some((v) => v !== '' && !scratch.initializers.has(v))) return undefined;
    try {
      const types = inferTypes(scratch, node);
      const values = fold(scratch, node, types, (v) => scratch.initializers.get(v));
      for (const [i, out] of node.outputs.entries())
        if (out && values) {
          scratch.initializers.set(out, values[i]!);
          scratch.types.set(out, types[i]!);
        }
    } catch (error) {
      // What is wrong with the node is reported where all shapes are known.
      if (error instanceof OrtuneError) return undefined;
      throw error;
    }
  }
  return scratch.initializers.get(condition);
}

/** The nodes that a value is computed by, in order; undefined where they are more than are evaluated. */
function computationOf(producers: ReadonlyMap<Value, Node>, value: Value): Node[] | undefined {
  const seen = new Set<Node>();
  const ordered: Node[] = [];
  const visit = (input: Value): boolean => {
    const node = producers.get(input);
    if (!node || seen.has(node)) return true;
    seen.add(node);
    if (seen.size > mostEvaluated || !node.inputs.every(visit)) return false;
    ordered.push(node);
    return true;
  };
  return visit(value) ? ordered : undefined;
}

/** The inputs that nothing reads once an input of the file has been bound. */
export function dropUnread(graph: Graph): void {
  if (graph.bound.size === 0) return;
  const read = new Set<Value>([
    ...graph.nodes.flatMap(({ inputs }) => inputs),
    ...graph.outputs.map(({ name }) => name),
  ]);
  graph.inputs = graph.inputs.filter(({ name }) => read.has(name));
}

function blocks(block: Block | undefined): Block[] {
  return block ? [block, ...blocks(block.outer)] : [];
}

/** The node without the blocks that always run; an output of an If that is decided is what the branch gives. */
function decided(node: Node, taken: ReadonlyMap<Construct, number>): Node {
  const { block, construct, ...rest } = node;
  const branch = construct && taken.get(construct);
  const outer = without(block, taken);
  const placed = outer ? { ...rest, block: outer } : rest;
  if (branch === undefined) return construct ? { ...placed, construct } : placed;
  return { ...placed, op: 'Identity', inputs: [node.inputs[1 + branch]!] };
}

function without(block: Block | undefined, taken: ReadonlyMap<Construct, number>): Block | undefined {
  if (!block) return undefined;
  const outer = without(block.outer, taken);
  if (taken.has(block.of)) return outer;
  return outer === block.outer ? block : again(block, outer);
}

/** A block has one object for all its nodes, so that they are known to stand together. */
function again(block: Block, outer: Block | undefined): Block {
  const known = moved.get(block);
  if (known && known.outer === outer) return known;
  const made = { ...block, outer };
  moved.set(block, made);
  return made;
}

const moved = new WeakMap<Block, Block>();
