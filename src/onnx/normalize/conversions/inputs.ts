// Attributes that became inputs, so that shapes could be computed: axes, bounds, pads, sizes. Also the two operators
// whose number of outputs, or whose name, says what an attribute says today.

import { attrFloat, attrInt, attrInts } from '../../graph.js';
import { Tensor } from '../../tensor.js';
import {
  type Conversion,
  changed,
  int,
  listToInput,
  numberToInput,
  type Rewrite,
  setInput,
  takeAttr,
} from './rewrite.js';

/** No axes, or none in the list: all, in both forms. */
const axesToInput = (r: Rewrite): void => listToInput(r, 'axes', 1);

/** starts, ends and axes (default: the leading ones). */
function sliceToInputs(r: Rewrite): void {
  for (const [i, name] of ['starts', 'ends', 'axes'].entries()) listToInput(r, name, i + 1);
}

/** pads, and the value where it is not 0. */
function padToInputs(r: Rewrite): void {
  // An empty list stays an input: pads are not optional.
  const pads = attrInts(r.node, 'pads') ?? [];
  r.node.attrs.delete('pads');
  setInput(r.node, 1, r.constant('pads', Tensor.of('int64', pads)));
  if (attrFloat(r.node, 'value', 0) !== 0) numberToInput(r, 'value', 2);
  else r.node.attrs.delete('value');
}

function clipToInputs(r: Rewrite): void {
  numberToInput(r, 'min', 1);
  numberToInput(r, 'max', 2);
}

function topKToInput(r: Rewrite): void {
  setInput(r.node, 1, r.constant('k', Tensor.of('int64', [attrInt(r.node, 'k', 1)])));
  r.node.attrs.delete('k');
}

/** Older forms always run as in evaluation, as the new one does without its third input. */
function dropoutToInput({ node, constant }: Rewrite): void {
  const ratio = takeAttr(node, 'ratio');
  if (ratio !== undefined) setInput(node, 1, constant('ratio', Tensor.scalar('float32', Number(ratio))));
}

const splitToInput = (r: Rewrite): void => listToInput(r, 'split', 1);

/** Equal parts had no attribute: the number of outputs said it. */
function splitOutputs({ node }: Rewrite): void {
  if (!node.inputs[1]) node.attrs.set('num_outputs', int(node.outputs.length));
}

/** The attribute `axis` (default 1) → third input (default -2). */
function dftAxis({ node, constant }: Rewrite): void {
  const axis = Number(takeAttr(node, 'axis') ?? 1);
  setInput(node, 2, constant('axis', Tensor.scalar('int64', axis)));
}

/** One scale for each axis. */
function upsampleToInput({ node, constant }: Rewrite): void {
  const scales = (takeAttr(node, 'scales') ?? []) as readonly number[];
  setInput(node, 1, constant('scales', Tensor.of('float32', scales)));
}

/** Scatter got its longer name when ScatterND came in. */
function scatterElements({ node }: Rewrite): void {
  node.op = 'ScatterElements';
}

export const inputs: readonly Conversion[] = [
  ...changed(9, upsampleToInput, 'Upsample'),
  ...changed(10, sliceToInputs, 'Slice'),
  ...changed(10, topKToInput, 'TopK'),
  ...changed(11, clipToInputs, 'Clip'),
  ...changed(11, padToInputs, 'Pad'),
  ...changed(11, scatterElements, 'Scatter'),
  ...changed(12, dropoutToInput, 'Dropout'),
  ...changed(13, axesToInput, 'ReduceSum Squeeze Unsqueeze'),
  ...changed(13, splitToInput, 'Split'),
  ...changed(18, axesToInput, 'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean'),
  ...changed(18, axesToInput, 'ReduceMin ReduceProd ReduceSumSquare'),
  ...changed(18, splitOutputs, 'Split'),
  ...changed(20, dftAxis, 'DFT'),
];
