// Model-local functions replaced by their bodies. It works on the file's messages, because a body may take attributes
// from the node that calls it (ref_attr_name), which nothing later needs to know about.

import { create } from '@bufbuild/protobuf';
import { ModelError } from '../../errors.js';
import { graphOf, type Model, opsetOf } from '../model.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  type NodeProto,
  NodeProtoSchema,
} from '../onnx_pb.js';
import { checkOpset, functionKey, functionsOf } from '../refuse.js';

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
  if (functions.size === 0) return nodes.map((node) => ({ node, opset }));

  const used = new Set(nodes.flatMap((n) => [n.name, ...n.output]));
  const unique = (stem: string): string => {
    let name = stem;
    for (let n = 1; used.has(name); n++) name = `${stem}_${n}`;
    used.add(name);
    return name;
  };
  const expand = (node: NodeProto, version: number, callers: readonly FunctionProto[]): FileNode[] => {
    const body = functions.get(functionKey(node.domain, node.opType, node.overload));
    if (!body) return [{ node, opset: version }];
    if (callers.includes(body))
      throw new ModelError(`${model.path}: function ${body.domain}.${body.name} calls itself. Export the model again.`);
    const own =
      opsetOf(body.opsetImport) === undefined
        ? version
        : checkOpset(body.opsetImport, `function ${body.name} of ${model.path}`);
    return instantiate(node, body, unique).flatMap((inner) => expand(inner, own, [...callers, body]));
  };
  return nodes.flatMap((node) => expand(node, opset, []));
}

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
