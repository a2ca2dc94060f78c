// Sub-graphs of the file (the branches of an If, the body of a Loop or Scan) and the names that their values have in
// the project's graph, where the nodes of a sub-graph stand among those around it. A value keeps its name unless
// another value of the file has it: sub-graphs that do not see each other may use one name twice. Loading, the list of
// the file's tensors and saving all ask here, so that a weight inside a sub-graph has one name everywhere.

import { ModelError } from '../errors.js';
import { domainOf, nodeLabel } from './model.js';
import { uniqueNames } from './normalize/names.js';
import type { GraphProto, NodeProto } from './onnx_pb.js';

/** The operators whose sub-graphs are understood, with the attributes that hold them, in the order they are taken. */
export const blockOperators: Readonly<Record<string, readonly string[]>> = {
  If: ['then_branch', 'else_branch'],
  Loop: ['body'],
  Scan: ['body'],
};

export const isControl = (node: NodeProto): boolean =>
  domainOf(node.domain) === '' && Object.hasOwn(blockOperators, node.opType);

/** The sub-graphs of a node in the order of `blockOperators`. */
export const bodiesOf = (node: NodeProto): GraphProto[] =>
  isControl(node)
    ? blockOperators[node.opType]!.flatMap((name) => node.attribute.find((a) => a.name === name)?.g ?? [])
    : [];

/** A sub-graph, and what its own values are called among all values of the file. */
export interface Scope {
  body: GraphProto;
  /** For messages: "the then_branch of node 'If_1'". */
  what: string;
  /** Of values that another part of the file also has, and of those that sub-graphs around it call otherwise. */
  names: ReadonlyMap<string, string>;
}

/** All names that a graph gives to values of its own, those of sub-graphs left out. */
export const ownNames = (graph: GraphProto): string[] => [
  ...graph.input.map(({ name }) => name),
  ...graph.initializer.map(({ name }) => name),
  ...graph.node.flatMap(({ output }) => output),
];

/** Far more than exporters nest branches and loops. */
const deepest = 64;

/**
 * All sub-graphs of these nodes, those inside others too, outer ones first and in the file's order.
 * @throws ModelError where they stand too deep in each other
 */
export function* allBodies(nodes: readonly NodeProto[], depth = 1): Generator<GraphProto> {
  for (const node of nodes)
    for (const body of bodiesOf(node)) {
      if (depth > deepest)
        throw new ModelError(
          `node ${nodeLabel(node)} (${node.opType}): its sub-graph stands in more than ${deepest} others. Export the model again.`,
        );
      yield body;
      yield* allBodies(body.node, depth + 1);
    }
}

/** The sub-graphs of a graph, however deep. */
export function scopesOf(graph: GraphProto): Map<GraphProto, Scope> {
  const scopes = new Map<GraphProto, Scope>();
  if (!graph.node.some(isControl)) return scopes;
  const unique = uniqueNames(ownNames(graph));
  const enter = (nodes: readonly NodeProto[], outer: ReadonlyMap<string, string>): void => {
    for (const node of nodes)
      for (const [i, body] of bodiesOf(node).entries()) {
        const what = blockOperators[node.opType]![i]!;
        const names = new Map(outer);
        for (const name of new Set(ownNames(body))) {
          if (name === '') continue;
          names.delete(name);
          const flat = unique(name);
          if (flat !== name) names.set(name, flat);
        }
        scopes.set(body, { body, what: `the ${what} of node ${nodeLabel(node)}`, names });
        enter(body.node, names);
      }
  };
  enter(graph.node, new Map());
  return scopes;
}

/** What a node reads: its inputs, and what its sub-graphs read of the values around it. */
export function readsOf(node: NodeProto): string[] {
  const inner = bodiesOf(node).flatMap((body) => {
    const own = new Set(ownNames(body));
    return [...body.node.flatMap(readsOf), ...body.output.map(({ name }) => name)].filter((name) => !own.has(name));
  });
  return inner.length === 0 ? node.input : [...node.input, ...inner];
}
