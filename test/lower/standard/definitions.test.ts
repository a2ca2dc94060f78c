// What operators are written out as before they are differentiated gives what the runtime's own operators give.

import { describe, expect, it } from 'vitest';
import type { Rule } from '#ortune/autodiff/rules/context.js';
import { writtenOut } from '#ortune/autodiff/rules/written-out.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder } from '#ortune/onnx/builder.js';
import { spellOut } from '#ortune/onnx/spell-out.js';
import { operatorGraph } from '../../autodiff/graphs.js';
import { writtenOutRows } from '../../autodiff/written-out-rows.js';
import { runStock } from '../../support/onnxruntime.js';

const definitionOf = (rule: Rule | null | undefined) => (rule && 'definition' in rule ? rule.definition : undefined);

describe('written out is the same as the runtime:', () => {
  for (const [i, row] of writtenOutRows.entries()) {
    const definition = row.domain ? undefined : definitionOf(writtenOut[row.op]);
    if (definition)
      it(`${row.op}${row.what ? `, ${row.what}` : ''} (${i})`, async () => {
        const { graph, feeds } = operatorGraph(row);
        const expected = await runStock(graph, feeds);
        const [node] = graph.nodes.splice(0);
        expect(spellOut(new Builder(graph), node!, definition)).toBe(true);
        lower(graph, new Set());
        const found = await runStock(graph, feeds);
        for (const [name, { shape }] of expected) {
          expect(found.get(name)!.shape).toEqual(shape);
          for (const [k, v] of found.get(name)!.numbers().entries())
            expect(v).toBeCloseTo(expected.get(name)!.numbers()[k]!, 5);
        }
      });
  }
});

it('a determinant of many rows is refused by name', () => {
  const det = writtenOutRows.find(({ op }) => op === 'Det')!;
  const { graph } = operatorGraph({ ...det, inputs: [det.inputs[0]!] });
  const b = new Builder(graph);
  const x = b.input('large', 'float32', [5, 5]);
  b.op('Det', [x]);
  expect(() => definitionOf(writtenOut.Det)!(b, graph.nodes.at(-1)!)).toThrow(
    /a determinant of 5 rows has no gradient/,
  );
});

it.each([
  [{ mode: 'max', sampling_ratio: 2 }, /\(RoiAlign\) has no gradient here: its mode is 'max', expected 'avg'/],
  [{}, /its sampling_ratio is 0, .* export the model with a sampling_ratio of 1 or more/],
])('regions by %o are refused by name', (attrs, message) => {
  const { inputs } = writtenOutRows.find(({ op }) => op === 'RoiAlign')!;
  const { graph } = operatorGraph({ op: 'RoiAlign', inputs, attrs });
  expect(() => definitionOf(writtenOut.RoiAlign)!(new Builder(graph), graph.nodes[0]!)).toThrow(message);
});
