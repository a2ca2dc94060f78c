import { describe, expect, it } from 'vitest';
import type { Builder } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { type Form, number, restored, weight } from './forms.js';

const shift = (b: Builder, shape: number[] = [8]) =>
  b.constant(
    Tensor.of(
      'float32',
      Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => 0.2 * i - 1),
      shape,
    ),
    'bias',
  );
const mean = (b: Builder, x: string, axes = [-1]) => b.op('ReduceMean', [x, b.ints(axes)]);
const meanBySum = (b: Builder, x: string) => b.op('Div', [b.op('ReduceSum', [x, b.ints([-1])]), number(b, 8)]);
const centred = (b: Builder, x: string) => b.op('Sub', [x, mean(b, x)]);
const withEpsilon = (b: Builder, variance: string) => b.op('Add', [variance, number(b, 1e-5)]);
const variance = (b: Builder, d: string) => withEpsilon(b, mean(b, b.op('Pow', [d, number(b, 2)])));
const affine = (b: Builder, y: string) => b.op('Add', [b.op('Mul', [y, weight(b)]), shift(b)]);
const divided = (b: Builder, d: string) => b.op('Div', [d, b.op('Sqrt', [variance(b, d)])]);
const reciprocal = (b: Builder, v: string) => b.op('Reciprocal', [b.op('Sqrt', [v])]);

const normForms: [string, Form][] = [
  ['Sub, Pow, Sqrt, Div (PyTorch before opset 17)', (b, x) => affine(b, divided(b, centred(b, x)))],
  ['two subtractions', (b, x) => affine(b, b.op('Div', [centred(b, x), b.op('Sqrt', [variance(b, centred(b, x))])]))],
  [
    'Mul for the square',
    (b, x) => {
      const d = centred(b, x);
      return affine(b, b.op('Div', [d, b.op('Sqrt', [withEpsilon(b, mean(b, b.op('Mul', [d, d])))])]));
    },
  ],
  [
    'the square of two subtractions',
    (b, x) => {
      const square = b.op('Mul', [centred(b, x), centred(b, x)]);
      return affine(b, b.op('Div', [centred(b, x), b.op('Sqrt', [withEpsilon(b, mean(b, square))])]));
    },
  ],
  [
    'a reciprocal square root',
    (b, x) => {
      const d = centred(b, x);
      return affine(b, b.op('Mul', [reciprocal(b, variance(b, d)), d]));
    },
  ],
  [
    'the square root of a reciprocal',
    (b, x) => {
      const d = centred(b, x);
      return affine(b, b.op('Mul', [d, b.op('Sqrt', [b.op('Reciprocal', [variance(b, d)])])]));
    },
  ],
  [
    'one over a square root',
    (b, x) => {
      const d = centred(b, x);
      return affine(b, b.op('Mul', [d, b.op('Div', [number(b, 1), b.op('Sqrt', [variance(b, d)])])]));
    },
  ],
  [
    'a power of −½',
    (b, x) => {
      const d = centred(b, x);
      return affine(b, b.op('Mul', [d, b.op('Pow', [variance(b, d), number(b, -0.5)])]));
    },
  ],
  [
    'a power of ½',
    (b, x) => {
      const d = centred(b, x);
      return affine(b, b.op('Div', [d, b.op('Pow', [variance(b, d), number(b, 0.5)])]));
    },
  ],
  [
    'means as sums',
    (b, x) => {
      const d = b.op('Sub', [x, meanBySum(b, x)]);
      return affine(b, b.op('Div', [d, b.op('Sqrt', [withEpsilon(b, meanBySum(b, b.op('Mul', [d, d])))])]));
    },
  ],
  [
    'x·r + (bias − mean·r) (TensorFlow)',
    (b, x) => {
      const r = b.op('Mul', [reciprocal(b, variance(b, centred(b, x))), weight(b)]);
      return b.op('Add', [b.op('Mul', [x, r]), b.op('Sub', [shift(b), b.op('Mul', [mean(b, x), r])])]);
    },
  ],
  [
    'x·r + (bias − mean·r) without a scale',
    (b, x) => {
      const r = reciprocal(b, variance(b, centred(b, x)));
      return b.op('Add', [b.op('Sub', [shift(b), b.op('Mul', [r, mean(b, x)])]), b.op('Mul', [r, x])]);
    },
  ],
  ['scale without bias', (b, x) => b.op('Mul', [weight(b), divided(b, centred(b, x))])],
  ['neither scale nor bias', (b, x) => divided(b, centred(b, x))],
];

describe('a written-out layer normalisation', () => {
  it.each(normForms)('is one LayerNormalization: %s', async (_, form) => {
    const { graph, operators } = await restored(form);
    expect(operators).toEqual(['LayerNormalization']);
    expect(graph.nodes[0]!.attrs.get('epsilon')!.value).toBeCloseTo(1e-5, 10);
  });

  it('may span several axes', async () => {
    const { graph, operators } = await restored((b, x) => {
      const d = b.op('Sub', [x, mean(b, x, [1, 2])]);
      const v = withEpsilon(b, mean(b, b.op('Mul', [d, d]), [2, 1]));
      return b.op('Add', [b.op('Mul', [b.op('Div', [d, b.op('Sqrt', [v])]), weight(b, [3, 8])]), shift(b, [3, 8])]);
    });
    expect(operators).toEqual(['LayerNormalization']);
    expect(graph.nodes[0]!.attrs.get('axis')!.value).toBe(-2);
  });

  it('reshapes a scale and a bias with leading ones, so that they stay the parameters they are', async () => {
    const { operators } = await restored((b, x) =>
      b.op('Add', [b.op('Mul', [divided(b, centred(b, x)), weight(b, [1, 1, 8])]), shift(b, [1, 8])]),
    );
    expect(operators).toEqual(['Reshape', 'Reshape', 'LayerNormalization']);
  });

  it('leaves a scalar factor and a bias of another shape outside', async () => {
    const scaled = await restored((b, x) => b.op('Mul', [divided(b, centred(b, x)), number(b, 3)]));
    expect(scaled.operators).toEqual(['LayerNormalization', 'Mul']);
    const shifted = await restored((b, x) =>
      b.op('Add', [b.op('Mul', [divided(b, centred(b, x)), weight(b)]), shift(b, [3, 1])]),
    );
    expect(shifted.operators).toEqual(['LayerNormalization', 'Add']);
  });

  it.each<[string, Form]>([
    [
      'a leading axis',
      (b, x) => {
        const d = b.op('Sub', [x, mean(b, x, [1])]);
        return b.op('Div', [d, b.op('Sqrt', [withEpsilon(b, mean(b, b.op('Mul', [d, d]), [1]))])]);
      },
    ],
    [
      'different axes of mean and variance',
      (b, x) => {
        const d = centred(b, x);
        return b.op('Div', [d, b.op('Sqrt', [withEpsilon(b, mean(b, b.op('Mul', [d, d]), [1, 2]))])]);
      },
    ],
    ['no subtraction (root mean square)', (b, x) => b.op('Div', [x, b.op('Sqrt', [variance(b, x)])])],
    ['another value on top', (b, x) => b.op('Div', [b.op('Exp', [x]), b.op('Sqrt', [variance(b, centred(b, x))])])],
    [
      'another power',
      (b, x) => {
        const d = centred(b, x);
        return b.op('Div', [d, b.op('Sqrt', [withEpsilon(b, mean(b, b.op('Pow', [d, number(b, 4)])))])]);
      },
    ],
    [
      'sums over another count',
      (b, x) => {
        const d = b.op('Sub', [x, b.op('Div', [b.op('ReduceSum', [x, b.ints([-1])]), number(b, 7)])]);
        return divided(b, d);
      },
    ],
    [
      'an axis that vanishes',
      (b, x) => {
        const d = b.op('Sub', [
          x,
          b.op('Unsqueeze', [b.op('ReduceMean', [x, b.ints([-1])], { keepdims: 0 }), b.ints([2])]),
        ]);
        return divided(b, d);
      },
    ],
    [
      'a shift by another mean',
      (b, x) => {
        const r = reciprocal(b, variance(b, centred(b, x)));
        return b.op('Add', [b.op('Mul', [x, r]), b.op('Sub', [shift(b), b.op('Mul', [mean(b, b.op('Exp', [x])), r])])]);
      },
    ],
  ])('is left alone with %s', async (_, form) => {
    expect((await restored(form)).operators).not.toContain('LayerNormalization');
  });
});
