// Every gradient rule against central differences, on the stock runtime with no kernel of ours: fused operators run by
// their definitions, so those are checked too.

import { describe, expect, it } from 'vitest';
import { rules } from '#ortune/autodiff/rules.js';
import { gradcheck } from '#ortune/check/gradcheck.js';
import { operatorKey } from '#ortune/onnx/graph.js';
import { openStock } from '../support/onnxruntime.js';
import { operatorGraph } from './graphs.js';
import { floatOf, rows } from './rows.js';

const keyOf = (row: { op: string; domain?: string }) => operatorKey({ op: row.op, domain: row.domain ?? '' });
const tolerances = { float64: 1e-6, float32: 2e-4 };

describe('the gradient of', () => {
  for (const [i, row] of rows.entries())
    it(`${keyOf(row)}${row.what ? `, ${row.what}` : ''} agrees with central differences (${i})`, async () => {
      const { graph, feeds, floats } = operatorGraph(row);
      const wrt = [...floats].filter(([input]) => !row.unchecked?.includes(input)).map(([, name]) => name);
      const tolerance = tolerances[floatOf(row)];
      const reference = row.held ? graph : undefined;
      const result = await gradcheck(graph, wrt, { open: openStock, inputs: feeds, tolerance, seed: 7, reference });
      expect(result.checked).toBeGreaterThan(0);
      expect(result.parameters.filter((p) => p.notMeasurable || !(p.relativeError <= tolerance))).toEqual([]);
    });
});

it('every rule has a row', () => {
  const checked = new Set(rows.map(keyOf));
  const differentiable = [...rules].filter(([, rule]) => rule !== null).map(([key]) => key);
  expect(differentiable.filter((key) => !checked.has(key))).toEqual([]);
});
