import { describe, expect, it } from 'vitest';
import type { Builder } from '#ortune/onnx/builder.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { addOutput, graphWith, outputsOf } from '../graphs.js';
import { type Form, input, number, restored, weight } from './forms.js';

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
    'loses the guard against NaN and the passes that scale, masked by %d',
    async (masked) => {
      const { graph, operators } = await restored((b) => attention(b, masked, [1, 1, 0]));
      expect(operators).toEqual(['Cast', 'Where', 'FusedMatMul', 'Add', 'Softmax', 'MatMul']);
      const product = graph.nodes[2]!;
      expect(product.inputs).toEqual(['x', 'x']);
      expect(product.attrs.get('alpha')!.value).toBeCloseTo(0.3, 6);
      expect(product.attrs.get('transB')!.value).toBe(1);
    },
  );

  it('is finite for a sample without any token', async () => {
    const { graph, b } = graphWith({ x: [2, 3, 8] });
    addOutput(graph, attention(b, -Infinity, [0, 0, 0], false));
    const y = graph.outputs[0]!.name;
    expect((await outputsOf(graph, { x: input })).get(y)!.numbers().every(Number.isNaN)).toBe(true);
    const guarded = graphWith({ x: [2, 3, 8] });
    addOutput(guarded.graph, attention(guarded.b, -Infinity, [0, 0, 0]));
    recognisePatterns(guarded.graph);
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

  it('keeps a guard that is the output itself', async () => {
    const { operators } = await restored((b, x) => {
      const mask = b.op('Where', [b.op('Greater', [x, number(b, 0)]), number(b, 0), number(b, -Infinity)]);
      const softmax = b.op('Softmax', [b.op('Add', [x, mask])], { axis: -1 });
      return b.op('Where', [b.op('IsNaN', [softmax]), number(b, 0), softmax]);
    });
    expect(operators).toContain('IsNaN');
  });
});

const swap = (b: Builder, x: string) => b.op('Transpose', [x], { perm: [0, 2, 1] });

describe('a batched product', () => {
  it.each<[string, Form, string[]]>([
    ['its scale', (b, x) => b.op('Mul', [b.op('MatMul', [x, swap(b, x)]), number(b, 0.5)]), ['FusedMatMul']],
    ['a division of it', (b, x) => b.op('Div', [b.op('MatMul', [x, swap(b, x)]), number(b, 8)]), ['FusedMatMul']],
    ['a transpose on the left', (b, x) => b.op('MatMul', [swap(b, x), x]), ['FusedMatMul']],
    [
      'a scale that something else reads too',
      (b, x) => {
        const q = b.op('Mul', [x, number(b, 0.5)]);
        return b.op('Add', [b.op('MatMul', [b.op('MatMul', [q, swap(b, x)]), x]), q]);
      },
      ['Mul', 'FusedMatMul', 'MatMul', 'Add'],
    ],
    [
      'the part of a transpose that moves the last axis',
      (b, x) => {
        const heads = b.op('Reshape', [x, b.ints([2, 3, 2, 4])]);
        const [q, k] = [
          [0, 2, 1, 3],
          [0, 2, 3, 1],
        ].map((perm) => b.op('Transpose', [heads], { perm }));
        return b.op('MatMul', [q!, k!]);
      },
      ['Reshape', 'Transpose', 'Transpose', 'FusedMatMul'],
    ],
  ])('takes in %s', async (_, form, expected) => {
    expect((await restored(form)).operators).toEqual(expected);
  });

  it.each<[string, Form, string[]]>([
    [
      'a weight matrix',
      (b, x) => b.op('Mul', [b.op('MatMul', [x, weight(b, [8, 4])]), number(b, 2)]),
      ['MatMul', 'Mul'],
    ],
    [
      'a scale that enlarges it',
      (b, x) => {
        const two = b.constant(Tensor.of('float32', [2], [1, 1, 1, 1]));
        return b.op('Mul', [b.op('MatMul', [swap(b, x), x]), two]);
      },
      ['FusedMatMul', 'Mul'],
    ],
    [
      'an unscaled value that is read too',
      (b, x) => {
        const y = b.op('MatMul', [x, b.op('Transpose', [x], { perm: [0, 2, 1] })]);
        return b.op('Add', [b.op('Mul', [y, number(b, 2)]), y]);
      },
      ['FusedMatMul', 'Mul', 'Add'],
    ],
    [
      'a transpose that is read twice',
      (b, x) => {
        const t = swap(b, x);
        return b.op('Add', [b.op('Relu', [t]), b.op('MatMul', [t, b.op('MatMul', [x, t])])]);
      },
      ['Transpose', 'Relu', 'MatMul', 'MatMul', 'Add'],
    ],
  ])('leaves outside %s', async (_, form, expected) => {
    expect((await restored(form)).operators).toEqual(expected);
  });

  it('of another type than float32 stays a MatMul', async () => {
    const { operators } = await restored(
      (b, x) => b.op('Mul', [b.op('MatMul', [x, swap(b, x)]), number(b, 2)]),
      'float64',
    );
    expect(operators).toEqual(['Transpose', 'MatMul', 'Mul']);
  });
});
