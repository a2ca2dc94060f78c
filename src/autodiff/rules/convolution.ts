// Gradients of Conv and ConvTranspose, each again a convolution: onnx/formulas/convolution.ts.

import { convolveBack, perChannelSum, sliceTo, weightGrad } from '../../onnx/formulas/convolution.js';
import { attrInt } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { transposedWindow, type Window, windowOf } from '../../onnx/shapes/windows.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

const bias: InputRule = ({ b }, dy) => perChannelSum(b, dy);

const groups = ({ node }: RuleContext): number => attrInt(node, 'group', 1);
const windowFor = ({ b, node, x }: RuleContext): Window =>
  windowOf(new TypeContext(b.graph, node), b.shape(x[1]!).slice(2));

const convInput: InputRule = (c, dy) => convolveBack(c.b, dy, c.x[1]!, windowFor(c), groups(c));
const convWeight: InputRule = (c, dy) => weightGrad(c.b, c.x[0]!, dy, windowFor(c), groups(c));

/**
 * The convolution that a ConvTranspose y = convT(x, W) is the transpose of: it reads the shape of y and gives that of
 * x. Its gradients are those of Conv with x and dy exchanged.
 */
function forwardWindow({ b, node, x }: RuleContext): Window {
  const window = transposedWindow(new TypeContext(b.graph, node), b.shape(x[1]!).slice(2));
  return { ...window, from: window.out, out: window.from };
}

/** An output_padding of a stride or more makes windows that x has no element for: they are cut off. */
const transposeInput: InputRule = (c, dy) => {
  const { strides, dilations, before, after, out } = forwardWindow(c);
  const attrs = { group: groups(c), strides, dilations, pads: [...before, ...after] };
  return sliceTo(c.b, c.b.op('Conv', [dy, c.x[1]!], attrs), out);
};
const transposeWeight: InputRule = (c, dy) => weightGrad(c.b, dy, c.x[0]!, forwardWindow(c), groups(c));

export const convolution: RuleTable = {
  Conv: [convInput, convWeight, bias],
  ConvTranspose: [transposeInput, transposeWeight, bias],
};
