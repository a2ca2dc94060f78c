// The rows of traits beside the tables of rules and shapes: no activation is left out, and no row is of an operator
// that nothing else knows.

import { describe, expect, it } from 'vitest';
import { activations } from '#ortune/autodiff/rules/activations.js';
import { Builder } from '#ortune/onnx/builder.js';
import { definedOperators } from '#ortune/onnx/defined/table.js';
import { Graph } from '#ortune/onnx/graph.js';
import { operatorsWith, traitsOf, traitsOfOperator, workOf } from '#ortune/onnx/operators.js';
import { typedOperators } from '#ortune/onnx/shapes.js';

it('every activation with a gradient is elementwise', () => {
  expect(Object.keys(activations).filter((op) => traitsOfOperator(op).elementwise !== 'free')).toEqual([]);
});

it('every row is of an operator whose output types are known, or that is spelled out by then', () => {
  const known = ['', 'com.microsoft', 'ortune'].flatMap((domain) =>
    typedOperators(domain).map((op) => (domain ? `${domain}.${op}` : op)),
  );
  const left = operatorsWith(() => true).filter((key) => !definedOperators.has(key));
  expect(left.filter((key) => !known.includes(key))).toEqual([]);
});

it('an operator without a row, or of another domain, has no traits', () => {
  expect(traitsOf({ op: 'Cos', domain: '' })).toEqual({});
  expect(traitsOf({ op: 'MatMul', domain: 'custom' })).toEqual({});
  expect(traitsOf({ op: 'FusedMatMul', domain: 'com.microsoft' }).product).toBe(true);
});

describe('the multiply-adds of', () => {
  const count = (op: string, shapes: number[][], attrs: Record<string, number | string> = {}, domain = ''): number => {
    const graph = new Graph();
    const names = shapes.map((shape, i) => {
      graph.types.set(`x${i}`, { dtype: 'float32', shape });
      return `x${i}`;
    });
    new Builder(graph).op(op, names, attrs, { domain });
    return workOf(graph, graph.nodes[0]!);
  };
  const matrices = [[2, 3, 4] as number[], [4, 5]];
  it.each([
    ['MatMul', count('MatMul', matrices), 2 * 3 * 4 * 5],
    [
      'FusedMatMul of a transposed matrix',
      count(
        'FusedMatMul',
        [
          [4, 3],
          [4, 5],
        ],
        { transA: 1 },
        'com.microsoft',
      ),
      60,
    ],
    [
      'Gemm of a transposed matrix',
      count(
        'Gemm',
        [
          [4, 3],
          [4, 5],
        ],
        { transA: 1 },
      ),
      3 * 4 * 5,
    ],
    [
      'Conv',
      count('Conv', [
        [2, 3, 8, 8],
        [5, 3, 3, 3],
      ]),
      2 * 5 * 6 * 6 * 27,
    ],
    [
      'ConvTranspose',
      count('ConvTranspose', [
        [2, 3, 8, 8],
        [3, 5, 3, 3],
      ]),
      2 * 3 * 8 * 8 * 45,
    ],
    [
      'Einsum',
      count(
        'Einsum',
        [
          [6, 4],
          [4, 5],
        ],
        { equation: 'ij,jk->ik' },
      ),
      6 * 4 * 5,
    ],
    [
      'LSTM of both directions',
      count(
        'LSTM',
        [
          [4, 3, 2],
          [2, 20, 2],
          [2, 20, 5],
        ],
        { direction: 'bidirectional' },
      ),
      4 * 3 * 2 * 20 * 7,
    ],
    ['Relu', count('Relu', [[2, 3]]), 0],
  ])('%s', (_, found, expected) => expect(found).toBe(expected));
});
