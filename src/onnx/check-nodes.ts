// The nodes of a model file held against the specification when the file is opened: inputs that an operator needs,
// attributes of the right kind with values that mean something. Every later stage may rely on it, so none of them
// checks an attribute's kind again. Shapes are not known here: what depends on them is the type rules' to check.

import { ModelError } from '../errors.js';
import { quote } from '../quote.js';
import { attributeProblem } from './attribute-ranges.js';
import { allBodies, blockOperators, bodiesOf, isControl } from './blocks.js';
import {
  AttributeType,
  attributeOf,
  domainOf,
  graphOf,
  type Model,
  nodeLabel,
  operatorName,
  opsetOf,
} from './model.js';
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
  const all = (nodes: readonly NodeProto[], version: number): void => {
    check(nodes, version);
    for (const body of allBodies(nodes)) check(body.node, version);
  };
  all(graphOf(model).node, opset);
  for (const body of model.proto.functions) all(body.node, opsetOf(body.opsetImport) ?? opset);
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
  if (isControl(node)) checkBodies(node, opset, fail);
}

/** Sub-graphs that take and give as many values as their node's inputs and outputs require. */
function checkBodies(node: NodeProto, opset: number, fail: Fail): void {
  if (node.opType === 'Scan' && opset < 9)
    fail('a Scan over batches, as opset 8 has it, is not trained; expected the form of opset 9');
  const scanned = Number(attributeOf(node, 'num_scan_inputs')?.i ?? 0);
  const [inputs, outputs] = [node.input.length, node.output.length];
  // A Loop's body gives its condition first, and takes the iteration and that condition where the node takes the trip
  // count and the first one.
  const takes = { If: 0, Loop: Math.max(inputs, 2), Scan: inputs }[node.opType]!;
  const gives = node.opType === 'Loop' ? outputs + 1 : outputs;
  const carried = { If: 0, Loop: takes - 1, Scan: inputs - scanned }[node.opType]!;
  if (node.opType === 'Scan' && (scanned < 1 || scanned > inputs)) fail(`it scans ${scanned} of its ${inputs} inputs`);
  for (const [i, { input, output, initializer }] of bodiesOf(node).entries()) {
    const what = blockOperators[node.opType]![i]!;
    const names = new Set(initializer.map(({ name }) => name));
    const free = input.filter(({ name }) => !names.has(name)).length;
    if (free !== takes) fail(`its ${what} takes ${free} values, expected ${takes}`);
    if (output.length < gives || (node.opType === 'If' && output.length !== gives))
      fail(`its ${what} gives ${output.length} values, expected ${gives}`);
    if (output.length < carried) fail(`its ${what} gives ${output.length} values, expected at least ${carried}`);
  }
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
