// Operators of com.microsoft that the default domain has too, under another name or with other words for its
// attributes, or as a line of arithmetic: files have them of the years before the standard had.

import { mul, sqrt, sub, sum, view } from '../formulas.js';
import type { Value } from '../graph.js';
import type { DefinedNode, DefinedTable } from './definition.js';

const modes: Readonly<Record<string, string>> = { bilinear: 'linear', nearest: 'nearest', bicubic: 'cubic' };

const gridSample = (c: DefinedNode): Value => {
  const mode = c.text('mode', 'bilinear');
  const attrs = {
    mode: modes[mode] ?? c.fail(`attribute 'mode' is '${mode}', expected ${Object.keys(modes).join(', ')}`),
    padding_mode: c.text('padding_mode', 'zeros'),
    align_corners: c.int('align_corners', 0),
  };
  return c.b.op('GridSample', [c.x(0), c.x(1)], attrs);
};

/** A node of the default domain with the same inputs, and the attributes that are named. */
const same =
  (op: string, ...attributes: string[]) =>
  (c: DefinedNode): Value[] => {
    const given = attributes.flatMap((name) => {
      const attr = c.node.attrs.get(name);
      return attr ? [[name, attr] as const] : [];
    });
    return [c.b.op(op, c.node.inputs, Object.fromEntries(given))];
  };

const expandDims = (c: DefinedNode): Value[] => {
  const axis = c.numbers(1)?.[0] ?? c.fail('its axis depends on the data; expected a constant');
  return [c.b.op('Unsqueeze', [c.x(0), c.b.ints([axis])])];
};

/** Distances of all rows of a [M, K] and b [N, K]. */
const distances = (c: DefinedNode): Value[] => {
  const { b } = c;
  const metric = c.text('metric', 'sqeuclidean');
  if (metric !== 'sqeuclidean' && metric !== 'euclidean')
    c.fail(`attribute 'metric' is '${metric}', expected 'euclidean' or 'sqeuclidean'`);
  const [[m, k], [n]] = [c.axes(0, 2), c.axes(1, 2)] as [[number, number], [number]];
  const apart = sub(b, view(b, c.x(0), [m, 1, k]), view(b, c.x(1), [1, n, k]));
  const squares = sum(b, mul(b, apart, apart), [2], false);
  return [metric === 'euclidean' ? sqrt(b, squares) : squares];
};

export const renamed: DefinedTable = {
  'com.microsoft.GridSample': {
    inputs: 2,
    attributes: 'mode padding_mode align_corners',
    define: (c) => [gridSample(c)],
  },
  'com.microsoft.Trilu': { inputs: 2, attributes: 'upper', define: same('Trilu', 'upper') },
  'com.microsoft.Pad': { inputs: 3, attributes: 'mode', define: same('Pad', 'mode') },
  'com.microsoft.GatherND': { inputs: 2, define: same('GatherND') },
  'com.microsoft.ExpandDims': { inputs: 2, define: expandDims },
  'com.microsoft.CDist': { inputs: 2, attributes: 'metric', define: distances },
};
