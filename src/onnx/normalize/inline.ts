// Model-local functions replaced by their bodies, and nodes with sub-graphs by the nodes of these. It works on the
// file's messages, because a body may take attributes from the node that calls it (ref_attr_name), which nothing later
// needs to know about.

import { create } from '@bufbuild/protobuf';
import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import { allBodies, isControl, ownNames, scopesOf } from '../blocks.js';
import { checkNodeCount, defaultGraphMemory } from '../budget.js';
import type { Block, Construct } from '../graph.js';
import { graphOf, type Model, operatorName, opsetOf } from '../model.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
} from '../onnx_pb.js';
import { checkOpset, functionKey, functionsOf } from '../refuse.js';
import { type Inner, partsOf } from './control.js';
import { uniqueNames } from './names.js';
import { renamedGraph, renamedNode } from './rename.js';

/** A node with the version of the default domain it was written for: functions may import another than the model. */
export interface FileNode {
  node: NodeProto;
  opset: number;
  block?: Block | undefined;
  construct?: Construct | undefined;
  /** Whether the file has no such node: it holds an initializer of a sub-graph. */
  added?: boolean;
}

/** Nodes under way: those of the graph, of a function that is called, or of a sub-graph. */
interface Frame {
  body?: FunctionProto;
  opset: number;
  rest: Iterator<Inner>;
  block?: Block | undefined;
  /** What values are called where that is not as the file has it. */
  names: ReadonlyMap<string, string>;
}

const asIs: ReadonlyMap<string, string> = new Map();

function* inner(nodes: readonly NodeProto[]): Generator<Inner> {
  for (const node of nodes) yield { node };
}

/**
 * All nodes of the model's graph with functions and sub-graphs inlined, in the file's order. Values inside a function
 * are called `<node>/<value>`. ModelError: a function that calls itself.
 */
export function inlineFunctions(model: Model): FileNode[] {
  const functions = functionsOf(model);
  const opset = checkOpset(model.proto.opsetImport, model.path);
  const graph = graphOf(model);
  const limit = model.maxGraphMemory ?? defaultGraphMemory;
  checkNodeCount(graph.node.length, model.path, limit);
  if (functions.size === 0 && !graph.node.some(isControl)) return graph.node.map((node) => ({ node, opset }));

  const scopes = scopesOf(graph);
  const bodies = [...allBodies(graph.node)];
  const unique = uniqueNames([
    ...ownNames(graph),
    ...[...graph.node, ...bodies.flatMap((body) => body.node)].map(({ name }) => name),
    ...bodies.flatMap((body) => ownNames(body).map((name) => scopes.get(body)!.names.get(name) ?? name)),
  ]);
  const found: FileNode[] = [];
  let counted = 0;
  // The calls under way, innermost last, each with what is left of its body.
  const calls: Frame[] = [{ opset, rest: inner(graph.node), names: asIs }];
  for (let call = calls.at(-1); call; call = calls.at(-1)) {
    const { value, done } = call.rest.next();
    if (done) {
      calls.pop();
      continue;
    }
    const { names, block } = call;
    const node =
      names.size === 0 || value.named ? value.node : renamedNode(value.node, (name) => names.get(name) ?? name);
    const body = functions.get(functionKey(node.domain, node.opType, node.overload));
    if (!body && isControl(node) && !value.construct) {
      checkDepth(calls, model, node);
      const parts = partsOf(node, scopes, block);
      for (const { nodes, ...more } of parts.reverse()) calls.push({ opset: call.opset, rest: nodes, ...more });
      continue;
    }
    if (!body) {
      found.push({ node, opset: call.opset, block, construct: value.construct, added: value.added ?? false });
      checkNodeCount(found.length, model.path, limit);
      continue;
    }
    const name = quote(operatorName(body.name, body.domain));
    if (calls.some((outer) => outer.body === body))
      throw new ModelError(`${model.path}: function ${name} calls itself. Export the model again.`);
    const own =
      opsetOf(body.opsetImport) === undefined
        ? call.opset
        : checkOpset(body.opsetImport, `function ${name} of ${model.path}`);
    checkDepth(calls, model, node);
    const nodes = instantiate(node, body, unique);
    // Calls without nodes of their own count too, and so do names, which grow with the depth.
    counted += 1 + namesOf(nodes) / namesPerNode;
    checkNodeCount(found.length + counted, model.path, limit);
    calls.push({ body, opset: own, rest: inner(nodes), block, names: asIs });
  }
  return found;
}

function checkDepth(calls: readonly Frame[], model: Model, node: NodeProto): void {
  if (calls.length > deepestCall)
    throw new ModelError(
      `${model.path}: functions call each other ${calls.length} deep, up to ${quote(operatorName(node.opType, node.domain))}. ` +
        'Export the model again.',
    );
}

/** Far more than exporters nest modules. */
const deepestCall = 256;

/** Characters of names that count as one node. */
const namesPerNode = 4096;

const namesOf = (nodes: readonly NodeProto[]): number =>
  nodes.reduce(
    (sum, { name, input, output }) =>
      sum + name.length + [...input, ...output].reduce((total, value) => total + value.length, 0),
    0,
  );

/** The body's nodes for one call, over the caller's values. */
function instantiate(call: NodeProto, body: FunctionProto, unique: (stem: string) => string): NodeProto[] {
  const stem = call.name || call.output.find((o) => o) || body.name;
  const names = new Map<string, string>([['', '']]);
  for (const [i, input] of body.input.entries()) names.set(input, call.input[i] ?? '');
  const copies: NodeProto[] = [];
  for (const [i, output] of body.output.entries()) {
    const outer = call.output[i];
    if (!outer) continue;
    const known = names.get(output);
    if (known === undefined) names.set(output, outer);
    else copies.push(create(NodeProtoSchema, { opType: 'Identity', input: [known], output: [outer] }));
  }
  const rename = (value: string): string => {
    const name = names.get(value) ?? unique(`${stem}/${value}`);
    names.set(value, name);
    return name;
  };
  const within = (graph: GraphProto): GraphProto =>
    renamedGraph(graph, {
      rename,
      fresh: (value) => unique(`${stem}/${value}`),
      attributes: (a) => callerAttribute(a, call, body),
    });
  const nodes = body.node.map((node) =>
    Object.assign(renamedNode(node, rename), {
      name: unique(`${stem}/${node.name || node.opType}`),
      attribute: node.attribute
        .flatMap((a) => callerAttribute(a, call, body))
        .map((a) => (a.g ? Object.assign(create(AttributeProtoSchema), a, { g: within(a.g) }) : a)),
    }),
  );
  return [...nodes, ...copies];
}

/** The attribute itself, or what it refers to: the caller's attribute, the function's default, or nothing. */
function callerAttribute(a: AttributeProto, call: NodeProto, body: FunctionProto): AttributeProto[] {
  if (!a.refAttrName) return [a];
  const given =
    call.attribute.find((c) => c.name === a.refAttrName) ?? body.attributeProto.find((d) => d.name === a.refAttrName);
  return given ? [Object.assign(create(AttributeProtoSchema), given, { name: a.name })] : [];
}
