// A node with sub-graphs as a flat run of nodes: the nodes of the sub-graphs, each marked with the block that it stands
// in, and around them what joins them to the rest. So whoever walks the graph sees every weight and every reader, and
// specialisation, which alone knows conditions and trip counts, takes a branch or repeats a body.
//
//   If    then …, else …, and for each output: Where(condition, what then gives, what else gives)
//   Loop  begin: the node's inputs → what the body takes; body …;
//         end: the first that the body takes, the node's inputs, what the body gives → the node's outputs

import { create } from '@bufbuild/protobuf';
import { bodiesOf, type Scope } from '../blocks.js';
import type { Block, Construct } from '../graph.js';
import { AttributeType, attributeOf } from '../model.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
} from '../onnx_pb.js';

/** A node on its way into the graph. */
export interface Inner {
  node: NodeProto;
  construct?: Construct;
  /** Whether its values have the names of the graph already. */
  named?: boolean;
  /** Whether the file has no such node: it holds an initializer of a sub-graph. */
  added?: boolean;
}

export interface Part {
  nodes: Iterator<Inner>;
  block: Block | undefined;
  names: ReadonlyMap<string, string>;
}

const asIs: ReadonlyMap<string, string> = new Map();

/** What stands for a node with sub-graphs, in order. The node's own values have the names of the graph. */
export function partsOf(node: NodeProto, scopes: ReadonlyMap<GraphProto, Scope>, outer: Block | undefined): Part[] {
  const bodies = bodiesOf(node).map((body) => ({ body, names: scopes.get(body)?.names ?? asIs }));
  const construct: Construct = {
    op: node.opType as Construct['op'],
    name: node.name || (node.output.find((o) => o) ?? ''),
    ...scanOf(node),
  };
  const named = bodies.map(({ body, names }) => {
    const called = (values: readonly { name: string }[]) => values.map(({ name }) => names.get(name) ?? name);
    // Old files state initializers among the inputs.
    const held = new Set(body.initializer.map(({ name }) => name));
    return { takes: called(body.input.filter(({ name }) => !held.has(name))), gives: called(body.output) };
  });
  const around = (nodes: NodeProto[]): Part => ({
    nodes: nodes.map((n) => ({ node: n, construct, named: true })).values(),
    block: outer,
    names: asIs,
  });
  const parts = bodies.map(({ body, names }, branch) => ({
    nodes: insideOf(body, names),
    block: { of: construct, branch, outer },
    names,
  }));
  const made = (opType: string, input: string[], output: string[]): NodeProto =>
    create(NodeProtoSchema, { name: node.name, opType, input, output });
  if (node.opType === 'If') {
    const [then, otherwise] = named as [(typeof named)[number], (typeof named)[number]];
    const select = node.output.map((out, i) =>
      made('Where', [node.input[0]!, then.gives[i]!, otherwise.gives[i]!], [out]),
    );
    return [...parts, around(select.filter(({ output }) => output[0] !== ''))];
  }
  const [body] = named as [(typeof named)[number]];
  return [
    around([made(node.opType, node.input, body.takes)]),
    ...parts,
    around([made(node.opType, [body.takes[0]!, ...node.input, ...body.gives], node.output)]),
  ];
}

function* insideOf(body: GraphProto, names: ReadonlyMap<string, string>): Generator<Inner> {
  for (const tensor of body.initializer) {
    const value = create(AttributeProtoSchema, { name: 'value', type: AttributeType.TENSOR, t: tensor });
    const output = [names.get(tensor.name) ?? tensor.name];
    yield {
      node: create(NodeProtoSchema, { opType: 'Constant', output, attribute: [value] }),
      named: true,
      added: true,
    };
  }
  for (const node of body.node) yield { node };
}

/** The attributes of a Scan. */
function scanOf(node: NodeProto): Pick<Construct, 'scan'> {
  if (node.opType !== 'Scan') return {};
  const lists = new Map(
    node.attribute.flatMap((a): [string, number[]][] => (a.ints.length > 0 ? [[a.name, numbers(a)]] : [])),
  );
  return { scan: { inputs: Number(attributeOf(node, 'num_scan_inputs')?.i ?? 0), lists } };
}

const numbers = (a: AttributeProto): number[] => a.ints.map(Number);
