// Convolutions as ONNX Runtime's optimizer leaves them: with the residual's sum and the activation behind them in one
// node, or with the channels as the last axis.

import type { AttrInput } from '../builder.js';
import { add, indices, transpose } from '../formulas.js';
import type { Value } from '../graph.js';
import { follow } from './activations.js';
import type { DefinedNode, DefinedTable } from './definition.js';

/** activation(Conv(x, w, bias) + z) */
function fused(c: DefinedNode, x: Value, w: Value, z: Value | undefined): Value {
  const { b, node } = c;
  const bias = c.optional(2);
  const attrs: Record<string, AttrInput> = {};
  for (const [name, attr] of node.attrs) if (!name.startsWith('activation')) attrs[name] = attr;
  const y = b.op('Conv', bias ? [x, w, bias] : [x, w], attrs);
  const total = z ? add(b, y, z) : y;
  const numbers = c.floats('activation_params');
  return follow(c, total, c.text('activation', ''), (_, place) => numbers[place]);
}

/** x and y [N, …, C]; the filters [out, …kernel, in / groups]. */
const channelsLast = (c: DefinedNode): Value[] => {
  const { b } = c;
  const { length } = c.shape(0);
  const toFirst = [0, length - 1, ...indices(length - 2).map((i) => i + 1)];
  const first = (x: Value | undefined) => (x ? transpose(b, x, toFirst) : undefined);
  const y = fused(c, first(c.x(0))!, first(c.x(1))!, first(c.optional(3)));
  return [transpose(b, y, [0, ...indices(length - 2).map((i) => i + 2), 1])];
};

const attributes = 'auto_pad dilations group kernel_shape pads strides';

export const convolutions: DefinedTable = {
  'com.microsoft.FusedConv': {
    inputs: 4,
    attributes: `${attributes} activation activation_params`,
    define: (c) => [fused(c, c.x(0), c.x(1), c.optional(3))],
  },
  'com.microsoft.NhwcConv': { inputs: 3, attributes, define: channelsLast },
  'com.microsoft.NhwcFusedConv': {
    inputs: 4,
    attributes: `${attributes} activation activation_params`,
    define: channelsLast,
  },
};
