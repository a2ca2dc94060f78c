import { describe, expect, it } from 'vitest';
import type { Builder } from '#ortune/onnx/builder.js';
import { convertFloat } from '#ortune/onnx/convert.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import type { Graph } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { restoreForms } from '#ortune/onnx/restore/restore.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { fixtures, readGolden } from '../golden.js';
import { addOutput, encoderFeeds, graphWith, largestDifference, outputsOf } from './graphs.js';

type Form = (b: Builder, x: string) => string;

const input = Tensor.of(
  'float32',
  Array.from({ length: 48 }, (_, i) => Math.sin(i * 1.7) * 3),
  [2, 3, 8],
);
const number = (b: Builder, value: number) => b.scalar(b.type('x').dtype, value);

/** Writes a form of x [2, 3, 8], restores it, and returns the operators left; outputs before and after must agree. */
async function restored(form: Form, dtype: DataType = 'float32'): Promise<{ graph: Graph; operators: string[] }> {
  const { graph, b } = graphWith({ x: [2, 3, 8] }, dtype);
  addOutput(graph, form(b, 'x'));
  const copy = graph.clone();
  restoreForms(copy);
  if (dtype === 'float32') {
    const name = graph.outputs[0]!.name;
    const [before, after] = [await outputsOf(graph, { x: input }), await outputsOf(copy, { x: input })];
    expect(largestDifference(before.get(name)!, after.get(name)!)).toBeLessThan(4e-6);
  }
  return { graph: copy, operators: copy.nodes.map((n) => n.op) };
}

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

const weight = (b: Builder, shape: number[] = [8]) =>
  b.constant(
    Tensor.of(
      'float32',
      Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => 1 + 0.1 * i),
      shape,
    ),
    'scale',
  );
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

/** Attention over 3 tokens of 8 channels as PyTorch's exporters write it; `visible` is the mask of the keys. */
function attention(b: Builder, masked: number, visible: number[], guard = true): string {
  const mask = b.op('Where', [
    b.op('Cast', [b.constant(Tensor.of('float32', visible))], { to: 9 }),
    number(b, 0),
    number(b, masked),
  ]);
  const keys = b.op('Mul', [b.op('Transpose', ['x'], { perm: [0, 2, 1] }), number(b, 0.6)]);
  const scores = b.op('MatMul', [b.op('Mul', ['x', number(b, 0.5)]), keys]);
  const softmax = b.op('Softmax', [b.op('Add', [scores, mask])], { axis: -1 });
  if (!guard) return b.op('MatMul', [softmax, 'x']);
  return b.op('MatMul', [b.op('Where', [b.op('IsNaN', [softmax]), number(b, 0), softmax]), 'x']);
}

describe('attention', () => {
  it.each([-Infinity, -3.4028234663852886e38])(
    'loses the guard against NaN and one of its two scales, masked by %d',
    async (masked) => {
      const { operators } = await restored((b) => attention(b, masked, [1, 1, 0]));
      expect(operators.filter((op) => op === 'IsNaN')).toEqual([]);
      expect(operators.filter((op) => op === 'Where' || op === 'Mul')).toEqual(['Where', 'Mul']);
    },
  );

  it('is finite for a sample without any token', async () => {
    const { graph, b } = graphWith({ x: [2, 3, 8] });
    addOutput(graph, attention(b, -Infinity, [0, 0, 0], false));
    const y = graph.outputs[0]!.name;
    expect((await outputsOf(graph, { x: input })).get(y)!.numbers().every(Number.isNaN)).toBe(true);
    const guarded = graphWith({ x: [2, 3, 8] });
    addOutput(guarded.graph, attention(guarded.b, -Infinity, [0, 0, 0]));
    restoreForms(guarded.graph);
    const found = await outputsOf(guarded.graph, { x: input });
    expect(found.get(guarded.graph.outputs[0]!.name)!.numbers().every(Number.isFinite)).toBe(true);
  });

  it('keeps the guard where nothing tells that the scores are finite', async () => {
    const { operators } = await restored((b, x) => {
      const softmax = b.op('Softmax', [b.op('Log', [x])], { axis: -1 });
      return b.op('Where', [b.op('IsNaN', [softmax]), number(b, 0), b.op('Add', [softmax, x])]);
    });
    expect(operators).toContain('IsNaN');
    const plain = await restored((b, x) => {
      const softmax = b.op('Softmax', [b.op('Log', [x])], { axis: -1 });
      return b.op('Neg', [b.op('Where', [b.op('IsNaN', [softmax]), number(b, 0), softmax])]);
    });
    expect(plain.operators).toContain('IsNaN');
  });

  it('keeps a guard that is the output itself, and scales that are read twice', async () => {
    const whole = await restored((b, x) => {
      const mask = b.op('Where', [b.op('Greater', [x, number(b, 0)]), number(b, 0), number(b, -Infinity)]);
      const softmax = b.op('Softmax', [b.op('Add', [x, mask])], { axis: -1 });
      return b.op('Where', [b.op('IsNaN', [softmax]), number(b, 0), softmax]);
    });
    expect(whole.operators).toContain('IsNaN');
    const twice = await restored((b, x) => {
      const q = b.op('Mul', [x, number(b, 0.5)]);
      const k = b.op('Mul', [b.op('Transpose', [x], { perm: [0, 2, 1] }), number(b, 0.6)]);
      return b.op('MatMul', [b.op('MatMul', [q, k]), q]);
    });
    expect(twice.operators.filter((op) => op === 'Mul')).toEqual(['Mul', 'Mul']);
  });
});

describe.each(fixtures)('$family from the $exporter exporter', ({ family, exporter }) => {
  it('gives the same logits from restored operators', async () => {
    const source = toGraph(openModel(readGolden(family, exporter).file));
    const feeds = encoderFeeds(source, 3, 11);
    const graph = specialize(source, Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, t.shape])));
    restoreForms(graph);
    const operators = graph.nodes.map((n) => n.op);
    expect(operators.filter((op) => op === 'LayerNormalization')).toHaveLength(5);
    expect(operators.filter((op) => op === 'Gelu').length).toBeGreaterThanOrEqual(2);
    expect(operators.filter((op) => /^(Erf|Pow|IsNaN)$/.test(op))).toEqual([]);
    const [before, after] = [await outputsOf(source, feeds), await outputsOf(graph, feeds)];
    expect(largestDifference(before.get('logits')!, after.get('logits')!)).toBeLessThan(2e-6);
  });
});
