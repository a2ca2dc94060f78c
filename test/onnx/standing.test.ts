// The table of operators (docs/operators.md) beside what refuses a model: an operator is refused where the table says
// that nothing becomes of it, and nowhere else.

import { expect, it } from 'vitest';
import { Graph } from '#ortune/onnx/graph.js';
import { wholeNumberOperators } from '#ortune/onnx/normalize/whole-numbers.js';
import { unknownOperators } from '#ortune/onnx/unknown.js';
import { operators, standingOf } from '../../scripts/operator-table.mjs';

const all: string[] = [...operators.onnx, ...operators.microsoft];

/** Inlined, renamed or made an initializer while a file is opened, so that no graph has them as they are. */
const beforeGraphs = new Set(['Constant', 'If', 'Loop', 'Scan', 'Scatter', 'Upsample', ...wholeNumberOperators]);

it('an operator is refused where its table says so', () => {
  const refused = all.filter((key) => {
    const dot = key.lastIndexOf('.');
    const graph = new Graph();
    graph.nodes = [
      {
        name: 'it',
        domain: key.slice(0, Math.max(0, dot)),
        op: key.slice(dot + 1),
        inputs: [],
        outputs: [],
        attrs: new Map(),
      },
    ];
    return !beforeGraphs.has(key) && unknownOperators(graph).length > 0;
  });
  const said = all.filter((key) => ['not yet', 'later opset', 'quantised'].includes(standingOf(key)));
  expect(refused).toEqual(said);
});
