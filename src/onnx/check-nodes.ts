// The nodes of a model file held against the specification when the file is opened: inputs that an operator needs,
// attributes of the right kind with values that mean something. Every later stage may rely on it, so none of them
// checks an attribute's kind again. Shapes are not known here: what depends on them is the type rules' to check.

import { ModelError } from '../errors.js';
import { quote } from '../quote.js';
import { attributeProblem } from './attribute-ranges.js';
import { AttributeType, domainOf, graphOf, type Model, nodeLabel, operatorName, opsetOf } from './model.js';
import type { AttributeProto, NodeProto } from './onnx_pb.js';
import { functionKey, functionsOf } from './refuse.js';
import { type Formals, hasAttribute, type Schema, schemaOf } from './schemas.js';

const kinds: Readonly<Record<string, { type: number; name: string }>> = {
  f: { type: AttributeType.FLOAT, name: 'a float' },
  i: { type: AttributeType.INT, name: 'an integer' },
  s: { type: AttributeType.STRING, name: 'a string' },
  t: { type: AttributeType.TENSOR, name: 'a tensor' },
  g: { type: AttributeType.GRAPH, name: 'a graph' },
  p: { type: AttributeType.SPARSE_TENSOR, name: 'a sparse tensor' },
  y: { type: 13, name: 'a type' },
  F: { type: AttributeType.FLOATS, name: 'floats' },
  I: { type: AttributeType.INTS, name: 'integers' },
  S: { type: AttributeType.STRINGS, name: 'strings' },
  T: { type: 9, name: 'tensors' },
  G: { type: AttributeType.GRAPHS, name: 'graphs' },
  P: { type: 12, name: 'sparse tensors' },
  Y: { type: 14, name: 'types' },
};
const kindNames = new Map(Object.values(kinds).map(({ type, name }) => [type, name]));

/** @throws ModelError that names the first node, and input or attribute, that is not as its operator requires */
export function checkNodes(model: Model): void {
  const functions = functionsOf(model);
  const opset = opsetOf(model.proto.opsetImport) ?? 0;
  const check = (nodes: readonly NodeProto[], version: number): void => {
    for (const node of nodes)
      if (functions.size === 0 || !functions.has(functionKey(node.domain, node.opType, node.overload)))
        checkNode(node, version, model);
  };
  check(graphOf(model).node, opset);
  for (const body of model.proto.functions) check(body.node, opsetOf(body.opsetImport) ?? opset);
}

function checkNode(node: NodeProto, opset: number, model: Model): void {
  const fail = (problem: string): never => {
    throw new ModelError(
      `${model.path}: node ${nodeLabel(node)} (${operatorName(node.opType, node.domain)}): ${problem}. ` +
        'Export the model again.',
    );
  };
  const domain = domainOf(node.domain);
  if (domain === 'ortune')
    fail(
      "the operators of the domain ortune are those that ortune's training graphs are made of, and no model file has " +
        'them; expected standard ones',
    );
  const names = new Set<string>();
  for (const { name } of node.attribute) {
    if (names.has(name)) fail(`attribute ${quote(name)} is there twice`);
    names.add(name);
  }
  if (!node.output.some((out) => out !== '')) fail('it has no output');
  const schema = schemaOf(domain, node.opType, opset);
  if (!schema) return;
  checkFormals('input', node.input, schema.inputs, fail);
  checkFormals('output', node.output, schema.outputs, fail);
  checkAttributes(node, schema, fail);
}

type Fail = (problem: string) => never;

function checkFormals(what: 'input' | 'output', given: readonly string[], { needed, open }: Formals, fail: Fail): void {
  const least = needed.lastIndexOf(true) + 1;
  if (given.length > needed.length && !open) fail(`it has ${given.length} ${what}s, expected at most ${needed.length}`);
  // A file may name no output that nobody reads, but an operator computes from all it needs.
  if (what === 'output') return;
  if (given.length < least) fail(`it has ${given.length} ${what}s, expected ${open ? 'at least ' : ''}${least}`);
  for (const [i, name] of given.entries())
    if (name === '' && (needed[i] ?? open)) fail(`${what} ${i} is left out, which the operator needs`);
}

function checkAttributes(node: NodeProto, schema: Schema, fail: Fail): void {
  for (const attribute of node.attribute) {
    const { name, type, refAttrName } = attribute;
    const expected = schema.attributes.get(name);
    if (!expected && !hasAttribute(domainOf(node.domain), node.opType, name))
      fail(`attribute ${quote(name)} is none of the operator's`);
    if (expected && kinds[expected.kind]!.type !== type)
      fail(
        `attribute ${quote(name)} is ${kindNames.get(type) ?? 'of no kind'}, expected ${kinds[expected.kind]!.name}`,
      );
    if (refAttrName === '') checkValue(node, attribute, fail);
  }
  for (const [name, { needed }] of schema.attributes)
    if (needed && !node.attribute.some((a) => a.name === name)) fail(`attribute ${quote(name)} is missing`);
}

function checkValue(node: NodeProto, attribute: AttributeProto, fail: Fail): void {
  const problem = attributeProblem(node.opType, attribute);
  if (problem !== undefined) fail(`attribute ${quote(attribute.name)} ${problem}`);
}
