// Where the trunk of a sequence model ends: at the pooling, the step from one vector per token to one per text. What
// comes behind it is the head. BERT's and ALBERT's pooler comes behind too, but is pre-trained and counts as trunk;
// so does the hidden layer of MobileNetV3, with its HardSwish, which some exporters write with a HardSigmoid.

import type { Graph, Node, Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import type { Use } from './weights.js';

/** Operators that end the head although they could lie in one: a Reshape may join heads or places. */
const ends = new Set(['Reshape', 'HardSwish', 'HardSigmoid']);

/** Whether a node may lie between the pooling and the logits: linear layers, activations and what keeps their rows. */
function passes(node: Node): boolean {
  const { product, elementwise, byRow, moves } = traitsOf(node);
  const keepsRows = moves === 'rearranges' || moves === 'repeats';
  return !ends.has(node.op) && !!(product || elementwise || byRow || keepsRows);
}

/**
 * The weights behind the pooling; those of the last linear layer where no pooling is found. A weight that the trunk
 * uses as well belongs to the trunk.
 * @param uses where every weight is used
 * @param aliases readable name of every weight
 */
export function headWeights(
  graph: Graph,
  logits: Value,
  uses: ReadonlyMap<string, readonly Use[]>,
  aliases: ReadonlyMap<string, string>,
): Set<string> {
  const producers = graph.producers();
  const weights = new Set<string>();
  let last: Set<string> | undefined;
  let pooled = false;
  const weightsOf = weightFinder(graph, producers);
  const seen = new Set<Value>();
  let whole = true;
  // Depth first, the first input first, up to the first node that is no part of a head.
  const waiting = [logits];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const node = producers.get(value);
    if (!node || seen.has(value)) continue;
    seen.add(value);
    if (traitsOf(node).pools) {
      pooled = true;
      continue;
    }
    if (!passes(node)) {
      whole = false;
      break;
    }
    for (const name of weightsOf(node)) if (aliases.has(name)) weights.add(name);
    if (traitsOf(node).product) last ??= new Set(weights);
    waiting.push(...node.inputs.filter((input) => input !== '').reverse());
  }
  if (weights.size === 0) scoresOfPlaces(weightsOf, producers, logits, aliases, weights, seen);
  const head = whole && pooled ? weights : (last ?? weights);
  const onlyHere = (name: string): boolean =>
    uses.get(name)!.every(({ node }) => node.outputs.some((out) => seen.has(out)));
  return new Set([...head].filter((name) => onlyHere(name) && !/(^|[._])pooler([._]|$)/.test(aliases.get(name)!)));
}

/** Where every place is scored and the pooling comes last (SqueezeNet): the convolution before it. */
function scoresOfPlaces(
  weightsOf: (node: Node) => string[],
  producers: Map<Value, Node>,
  logits: Value,
  aliases: ReadonlyMap<string, string>,
  weights: Set<string>,
  seen: Set<Value>,
): void {
  for (let node = producers.get(logits); node; node = producers.get(node.inputs[0]!)) {
    for (const out of node.outputs) seen.add(out);
    if (node.op !== 'Conv') continue;
    for (const name of weightsOf(node)) if (aliases.has(name)) weights.add(name);
    return;
  }
}

/** Finds a node's constant operands, also behind a Transpose or a cast. */
function weightFinder(graph: Graph, producers: Map<Value, Node>): (node: Node) => string[] {
  // Where each value comes from by nodes of one input: remembered, since each node of a long chain asks for it.
  const origins = new Map<Value, Value>();
  const originOf = (input: Value): Value => {
    const passed: Value[] = [];
    let value = input;
    for (;;) {
      const known = origins.get(value);
      if (known !== undefined) value = known;
      const n = known === undefined ? producers.get(value) : undefined;
      if (n?.inputs.length !== 1 || graph.initializers.has(value)) break;
      passed.push(value);
      value = n.inputs[0]!;
    }
    for (const name of passed) origins.set(name, value);
    return value;
  };
  return (node) => node.inputs.map(originOf).filter((value) => value !== '' && graph.initializers.has(value));
}
