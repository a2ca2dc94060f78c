// Conversion of nodes from the opset they were written for to opset 21, one table row per operator whose definition
// changed on the way. Most changes only widen element types or add attributes whose default is the old behaviour:
// those rows are null, and a test runs both forms of every row. Source: the operator changelog of the ONNX
// specification (https://onnx.ai/onnx/operators/).

import type { Attr, Graph, Node, Value } from '../graph.js';
import { attrInts, attrString } from '../graph.js';
import { Tensor } from '../tensor.js';

/** What a conversion may add: constants, and nodes that run before the converted one. */
interface Rewrite {
  /** The node, to be changed in place. */
  readonly node: Node;
  /** A new constant, named after the node. */
  constant(name: string, tensor: Tensor): Value;
  /** A new node with one output, placed before the converted one. */
  before(op: string, inputs: Value[], attrs?: Record<string, Attr>): Value;
}

export interface Conversion {
  readonly op: string;
  /** The opset that changed the definition: nodes of an older one are converted. */
  readonly since: number;
  /** null: the old form means the same in the new definition. */
  readonly convert: ((r: Rewrite) => void) | null;
}

const same = (since: number, ...ops: string[]): Conversion[] => ops.map((op) => ({ op, since, convert: null }));
const changed = (since: number, convert: (r: Rewrite) => void, ...ops: string[]): Conversion[] =>
  ops.map((op) => ({ op, since, convert }));

const setDefault = (node: Node, name: string, attr: Attr): void => {
  if (!node.attrs.has(name)) node.attrs.set(name, attr);
};

/** Puts an input at a position, leaving out optional ones before it. */
function setInput(node: Node, position: number, value: Value): void {
  while (node.inputs.length < position) node.inputs.push('');
  node.inputs[position] = value;
}

/** `axes` as an attribute → second input. No axes, or none in the list: all, in both forms. */
function axesToInput({ node, constant }: Rewrite): void {
  const axes = attrInts(node, 'axes');
  node.attrs.delete('axes');
  if (axes && axes.length > 0) setInput(node, 1, constant('axes', Tensor.of('int64', axes)));
}

/** Equal parts had no attribute: the number of outputs said it. */
function splitOutputs({ node }: Rewrite): void {
  if (!node.inputs[1]) node.attrs.set('num_outputs', { kind: 'int', value: node.outputs.length });
}

/** 'bilinear' and 'bicubic' became 'linear' and 'cubic' when volumes came in. */
function gridSampleMode({ node }: Rewrite): void {
  const mode = attrString(node, 'mode', 'bilinear');
  node.attrs.set('mode', { kind: 'string', value: mode.replace(/^bi/, '') });
}

/** The attribute `axis` (default 1) → third input (default -2). */
function dftAxis({ node, constant }: Rewrite): void {
  const axis = Number(node.attrs.get('axis')?.value ?? 1);
  node.attrs.delete('axis');
  setInput(node, 2, constant('axis', Tensor.scalar('int64', axis)));
}

/** Until 16 boxes were not shifted by half a pixel. */
const roiAlignMode = ({ node }: Rewrite): void =>
  setDefault(node, 'coordinate_transformation_mode', { kind: 'string', value: 'output_half_pixel' });

/** scale and bias per group [G] → per channel [C]: each repeated C/G times. */
function groupNormalizationParameters({ node, constant, before }: Rewrite): void {
  const groups = Number(node.attrs.get('num_groups')?.value);
  const count = constant('groups', Tensor.of('int64', [groups]));
  const channels = before('Shape', [node.inputs[0]!], {
    start: { kind: 'int', value: 1 },
    end: { kind: 'int', value: 2 },
  });
  const target = before('Concat', [count, before('Div', [channels, count])], { axis: { kind: 'int', value: 0 } });
  const column = constant('column', Tensor.of('int64', [groups, 1]));
  const flat = constant('flat', Tensor.of('int64', [-1]));
  for (const position of [1, 2]) {
    const grouped = before('Reshape', [node.inputs[position]!, column]);
    node.inputs[position] = before('Reshape', [before('Expand', [grouped, target]), flat]);
  }
}

/** Every operator of the default domain whose definition changed after opset 14 and up to 21. */
export const conversions: readonly Conversion[] = [
  ...same(15, 'BatchNormalization', 'Pow', 'Shape'),
  ...same(
    16,
    'GreaterOrEqual',
    'Identity',
    'LeakyRelu',
    'LessOrEqual',
    'PRelu',
    'ScatterElements',
    'ScatterND',
    'Where',
  ),
  ...changed(16, roiAlignMode, 'RoiAlign'),
  ...changed(18, axesToInput, 'ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean'),
  ...changed(18, axesToInput, 'ReduceMin', 'ReduceProd', 'ReduceSumSquare'),
  ...changed(18, splitOutputs, 'Split'),
  ...same(18, 'LpPool', 'Pad', 'Resize', 'ScatterElements', 'ScatterND'),
  ...same(
    19,
    'AveragePool',
    'Cast',
    'CastLike',
    'Constant',
    'Equal',
    'Identity',
    'Pad',
    'Reshape',
    'Resize',
    'Shape',
    'Size',
  ),
  ...changed(20, gridSampleMode, 'GridSample'),
  ...changed(20, dftAxis, 'DFT'),
  ...same(20, 'ConstantOfShape', 'IsInf', 'IsNaN', 'ReduceMax', 'ReduceMin'),
  ...changed(21, groupNormalizationParameters, 'GroupNormalization'),
  ...same(
    21,
    'Cast',
    'CastLike',
    'Constant',
    'ConstantOfShape',
    'Flatten',
    'Identity',
    'Pad',
    'Reshape',
    'Shape',
    'Size',
  ),
  ...same(21, 'Squeeze', 'Transpose', 'Unsqueeze'),
];

const conversionsOf = new Map<string, Conversion[]>();
for (const row of [...conversions].sort((a, b) => a.since - b.since))
  if (row.convert) conversionsOf.set(row.op, [...(conversionsOf.get(row.op) ?? []), row]);

/** The node's opset-21 form, with what has to run before it; constants go into the graph. `opset`: the node's own. */
export function convertNode(node: Node, opset: number, graph: Graph): Node[] {
  const rows = node.domain === '' ? conversionsOf.get(node.op)?.filter((row) => opset < row.since) : undefined;
  if (!rows || rows.length === 0) return [node];
  const added: Node[] = [];
  const rewrite: Rewrite = {
    node,
    constant(name, tensor) {
      const value = `${node.name}::${name}`;
      graph.initializers.set(value, tensor);
      return value;
    },
    before(op, inputs, attrs = {}) {
      const name = `${node.name}::${op}_${added.length}`;
      added.push({ name, op, domain: '', inputs, outputs: [name], attrs: new Map(Object.entries(attrs)) });
      return name;
    },
  };
  for (const row of rows) row.convert!(rewrite);
  return [...added, node];
}
