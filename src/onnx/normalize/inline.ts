// Model-local functions replaced by their bodies. It works on the file's messages, because a body may take attributes
// from the node that calls it (ref_attr_name), which nothing later needs to know about.

import { create } from '@bufbuild/protobuf';
import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import { checkNodeCount, defaultGraphMemory } from '../budget.js';
import { graphOf, type Model, operatorName, opsetOf } from '../model.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  type NodeProto,
  NodeProtoSchema,
} from '../onnx_pb.js';
import { checkOpset, functionKey, functionsOf } from '../refuse.js';
import { uniqueNames } from './names.js';

/** A node with the version of the default domain it was written for: functions may import another than the model. */
export interface FileNode {
  node: NodeProto;
  opset: number;
}

/**
 * All nodes of the model's graph with functions inlined, in the file's order. Values inside a body are called
 * `<node>/<value>`. ModelError: a function that calls itself.
 */
export function inlineFunctions(model: Model): FileNode[] {
  const functions = functionsOf(model);
  const opset = checkOpset(model.proto.opsetImport, model.path);
  const nodes = graphOf(model).node;
  const limit = model.maxGraphMemory ?? defaultGraphMemory;
  checkNodeCount(nodes.length, model.path, limit);
  if (functions.size === 0) return nodes.map((node) => ({ node, opset }));

  const unique = uniqueNames(nodes.flatMap((n) => [n.name, ...n.output]));
  const found: FileNode[] = [];
  let counted = 0;
  // The calls under way, innermost last, each with what is left of its body.
  const calls: { body?: FunctionProto; opset: number; rest: Iterator<NodeProto> }[] = [{ opset, rest: nodes.values() }];
  for (let call = calls.at(-1); call; call = calls.at(-1)) {
    const { value: node, done } = call.rest.next();
    if (done) {
      calls.pop();
      continue;
    }
    const body = functions.get(functionKey(node.domain, node.opType, node.overload));
    if (!body) {
      found.push({ node, opset: call.opset });
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
    if (calls.length > deepestCall)
      throw new ModelError(
        `${model.path}: functions call each other ${calls.length} deep, up to ${name}. Export the model again.`,
      );
    const inner = instantiate(node, body, unique);
    // Calls without nodes of their own count too, and so do names, which grow with the depth.
    counted += 1 + namesOf(inner) / namesPerNode;
    checkNodeCount(found.length + counted, model.path, limit);
    calls.push({ body, opset: own, rest: inner.values() });
  }
  return found;
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
  const nodes = body.node.map((node) =>
    Object.assign(create(NodeProtoSchema), node, {
      name: unique(`${stem}/${node.name || node.opType}`),
      input: node.input.map(rename),
      output: node.output.map(rename),
      attribute: node.attribute.flatMap((a) => callerAttribute(a, call, body)),
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
