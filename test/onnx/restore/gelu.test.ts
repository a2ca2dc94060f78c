import { describe, expect, it } from 'vitest';
import type { Builder } from '#ortune/onnx/builder.js';
import { convertFloat } from '#ortune/onnx/convert.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { type Form, number, restored } from './forms.js';

const erf: Form = (b, x) => b.op('Erf', [b.op('Div', [x, number(b, Math.SQRT2)])]);
const one: Form = (b, y) => b.op('Add', [y, number(b, 1)]);
const half: Form = (b, y) => b.op('Mul', [y, number(b, 0.5)]);
const cubic = (b: Builder, cube: string) =>
  b.op('Tanh', [
    b.op('Mul', [number(b, Math.sqrt(2 / Math.PI)), b.op('Add', ['x', b.op('Mul', [number(b, 0.044715), cube])])]),
  ]);

const geluForms: [string, string, Form][] = [
  ['x·(1 + erf), then ½ (TorchScript)', 'none', (b, x) => half(b, b.op('Mul', [x, one(b, erf(b, x))]))],
  ['x·(½·(1 + erf)) (dynamo)', 'none', (b, x) => b.op('Mul', [x, b.op('Mul', [number(b, 0.5), one(b, erf(b, x))])])],
  ['(½·x)·(1 + erf)', 'none', (b, x) => b.op('Mul', [half(b, x), one(b, erf(b, x))])],
  ['(x / 2)·(1 + erf)', 'none', (b, x) => b.op('Mul', [b.op('Div', [x, number(b, 2)]), one(b, erf(b, x))])],
  ['x·(½·erf + ½)', 'none', (b, x) => b.op('Mul', [x, b.op('Add', [number(b, 0.5), half(b, erf(b, x))])])],
  [
    'erf of x·√½',
    'none',
    (b, x) => half(b, b.op('Mul', [one(b, b.op('Erf', [b.op('Mul', [number(b, Math.SQRT1_2), x])])), x])),
  ],
  [
    'of a scaled value',
    'none',
    (b, x) => {
      const y = b.op('Mul', [x, number(b, 3)]);
      return half(b, b.op('Mul', [y, one(b, erf(b, y))]));
    },
  ],
  ['tanh with Pow', 'tanh', (b, x) => b.op('Mul', [half(b, x), one(b, cubic(b, b.op('Pow', [x, number(b, 3)])))])],
  [
    'tanh with x·x·x',
    'tanh',
    (b, x) => half(b, b.op('Mul', [x, one(b, cubic(b, b.op('Mul', [x, b.op('Mul', [x, x])])))])),
  ],
  [
    'tanh with x·√(2/π)·(1 + 0.044715·x²)',
    'tanh',
    (b, x) => {
      const square = b.op('Mul', [b.op('Mul', [number(b, 0.044715), x]), x]);
      const z = b.op('Mul', [b.op('Mul', [x, number(b, 0.7978845608)]), one(b, square)]);
      return b.op('Mul', [half(b, x), one(b, b.op('Tanh', [z]))]);
    },
  ],
];

describe('a written-out GELU', () => {
  it.each(geluForms)('is one Gelu: %s', async (_, approximate, form) => {
    const { graph, operators } = await restored(form);
    expect(operators.filter((op) => op !== 'Mul')).toEqual(['Gelu']);
    expect(graph.nodes.at(-1)!.attrs.get('approximate')!.value).toBe(approximate);
  });

  it('is recognised in float16', async () => {
    const { operators } = await restored((b, x) => {
      const c = (value: number) => b.constant(convertFloat(Tensor.scalar('float32', value), 'float16'));
      const u = b.op('Add', [b.op('Erf', [b.op('Div', [x, c(Math.SQRT2)])]), c(1)]);
      return b.op('Mul', [b.op('Mul', [x, u]), c(0.5)]);
    }, 'float16');
    expect(operators).toEqual(['Gelu']);
  });

  it.each<[string, Form]>([
    [
      'another scale inside',
      (b, x) => half(b, b.op('Mul', [x, one(b, b.op('Erf', [b.op('Mul', [x, number(b, 0.7)])]))])),
    ],
    ['another shift', (b, x) => half(b, b.op('Mul', [x, b.op('Add', [erf(b, x), number(b, 2)])]))],
    ['another factor outside', (b, x) => b.op('Mul', [b.op('Mul', [x, one(b, erf(b, x))]), number(b, 0.4)])],
    ['the product with another value', (b, x) => half(b, b.op('Mul', [b.op('Sigmoid', [x]), one(b, erf(b, x))]))],
    ['a cube of another value', (b, x) => b.op('Mul', [half(b, x), one(b, cubic(b, b.op('Exp', [x])))])],
    ['nothing after erf', (b, x) => erf(b, x)],
    [
      'a constant that enlarges it',
      (b, x) =>
        b.op('Mul', [b.op('Mul', [x, one(b, erf(b, x))]), b.constant(Tensor.of('float32', [0.5], [1, 1, 1, 1]))]),
    ],
    [
      'a part that something else reads',
      (b, x) => {
        const u = one(b, erf(b, x));
        return b.op('Add', [half(b, b.op('Mul', [x, u])), u]);
      },
    ],
  ])('is left alone with %s', async (_, form) => {
    expect((await restored(form)).operators).not.toContain('Gelu');
  });
});
