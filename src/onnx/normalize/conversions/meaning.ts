// Changes of what an operator computes: which axes a softmax runs over, how resizing maps positions, what
// normalisations take and give.

import { attrInt, attrString } from '../../graph.js';
import { Tensor } from '../../tensor.js';
import { type Conversion, changed, changedBack, int, type Rewrite, setDefault, text } from './rewrite.js';

/**
 * Until 13 a softmax ran over all axes from `axis` (default 1) on, as one: flattened to rows, and back. Where only the
 * last axis is meant, specialisation takes the reshapes away again.
 */
function softmaxOfRows({ node, before, after }: Rewrite): void {
  const axis = attrInt(node, 'axis', 1);
  node.attrs.set('axis', int(-1));
  if (axis === -1) return;
  const x = node.inputs[0]!;
  const shape = before('Shape', [x]);
  node.inputs[0] = before('Flatten', [x], { axis: int(axis) });
  after('Reshape', [shape]);
}

/** Resize 10 and Upsample: positions were divided by the scale, and rounded down; up where everything shrinks. */
function resizeByScales(r: Rewrite): void {
  const { node, value } = r;
  const shrinks =
    node.op === 'Resize' &&
    value(1)
      ?.numbers()
      .every((scale) => scale <= 1);
  node.op = 'Resize';
  node.inputs = [node.inputs[0]!, '', node.inputs[1]!];
  node.attrs.set('coordinate_transformation_mode', text('asymmetric'));
  node.attrs.set('nearest_mode', text(shrinks ? 'ceil' : 'floor'));
}

/** ⌊(i + ½) / scale⌋, as TensorFlow's nearest neighbours had a mode of their own, is half_pixel rounded up at ½. */
function tensorflowNearest({ node }: Rewrite): void {
  if (attrString(node, 'coordinate_transformation_mode', '') !== 'tf_half_pixel_for_nn') return;
  if (attrString(node, 'nearest_mode', '') !== 'floor') return;
  node.attrs.set('coordinate_transformation_mode', text('half_pixel'));
  node.attrs.set('nearest_mode', text('round_prefer_ceil'));
}

/** Statistics per channel, `spatial` 1, are the only form left, and files of opset 9 still say so. */
function perChannelStatistics({ node }: Rewrite): void {
  if (attrInt(node, 'spatial', 1) === 1) node.attrs.delete('spatial');
}

/** 'bilinear' and 'bicubic' became 'linear' and 'cubic' when volumes came in. */
function gridSampleMode({ node }: Rewrite): void {
  node.attrs.set('mode', text(attrString(node, 'mode', 'bilinear').replace(/^bi/, '')));
}

/** Until 16 boxes were not shifted by half a pixel. */
const roiAlignMode = ({ node }: Rewrite): void =>
  setDefault(node, 'coordinate_transformation_mode', text('output_half_pixel'));

/** scale and bias per group [G] → per channel [C]: each repeated C/G times. */
function groupNormalizationParameters({ node, constant, before }: Rewrite): void {
  const groups = attrInt(node, 'num_groups', 1);
  const count = constant('groups', Tensor.of('int64', [groups]));
  const channels = before('Shape', [node.inputs[0]!], { start: int(1), end: int(2) });
  const target = before('Concat', [count, before('Div', [channels, count])], { axis: int(0) });
  const column = constant('column', Tensor.of('int64', [groups, 1]));
  const flat = constant('flat', Tensor.of('int64', [-1]));
  for (const position of [1, 2]) {
    const grouped = before('Reshape', [node.inputs[position]!, column]);
    node.inputs[position] = before('Reshape', [before('Expand', [grouped, target]), flat]);
  }
}

/** How Cast rounds to float8e8m0, which ortune does not hold. */
function dropRounding({ node }: Rewrite): void {
  node.attrs.delete('round_mode');
}

export const meaning: readonly Conversion[] = [
  ...changed(10, resizeByScales, 'Upsample'),
  ...changed(11, resizeByScales, 'Resize'),
  ...changed(13, tensorflowNearest, 'Resize'),
  ...changed(13, softmaxOfRows, 'Hardmax LogSoftmax Softmax'),
  ...changed(14, perChannelStatistics, 'BatchNormalization'),
  ...changed(16, roiAlignMode, 'RoiAlign'),
  ...changed(20, gridSampleMode, 'GridSample'),
  ...changed(21, groupNormalizationParameters, 'GroupNormalization'),
  ...changedBack(24, dropRounding, 'Cast CastLike'),
];
