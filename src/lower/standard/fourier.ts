// DFT and STFT as products with matrices of cosines and sines: with θ = 2πkn/N,
//   Re Y[k] = Σ_n  Re x[n]·cos θ + Im x[n]·sin θ,    Im Y[k] = Σ_n  Im x[n]·cos θ − Re x[n]·sin θ,
// the sines' sign the other way, and all over N, for the inverse. Quadratic in N, which is right for the windows of
// speech and for the short axes of models that train through a transform; a frozen front end runs the runtime's own.

import { checkBytes } from '../../onnx/budget.js';
import type { Builder } from '../../onnx/builder.js';
import { add, firstOf, indices, inverse, mul, sub, transpose, view } from '../../onnx/formulas.js';
import type { Node, Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { dftOf, stftOf } from '../../onnx/shapes/fourier.js';
import { Tensor } from '../../onnx/tensor.js';
import type { Definition } from '../form.js';

/** cos θ and ± sin θ, [count of n, bins]. */
function matrices(b: Builder, node: Node, like: Value, count: number, bins: number, length: number, back = false) {
  checkBytes(node, `the gradient's matrices of ${count} x ${bins} numbers`, count * bins * 16, b.graph.maxBytes);
  const scale = back ? 1 / length : 1;
  const of = (f: (angle: number) => number): Value => {
    // k·n is taken modulo N first: large angles have few exact digits.
    const values = Float64Array.from({ length: count * bins }, (_, i) => {
      const turns = ((i % bins) * Math.floor(i / bins)) % length;
      return scale * f((2 * Math.PI * turns) / length);
    });
    return b.constant(Tensor.of(b.type(like).dtype, values, [count, bins]), 'fourier');
  };
  return { cos: of(Math.cos), sin: of((angle) => (back ? -1 : 1) * Math.sin(angle)) };
}

/** [..., n] real and imaginary parts → [..., bins, 2]. */
function transformed(b: Builder, re: Value, im: Value | undefined, { cos, sin }: { cos: Value; sin: Value }): Value {
  const by = (x: Value, m: Value): Value => b.op('MatMul', [x, m]);
  const real = im ? add(b, by(re, cos), by(im, sin)) : by(re, cos);
  const imaginary = im ? sub(b, by(im, cos), by(re, sin)) : mul(b, by(re, sin), -1);
  const apart = [...b.shape(real), 1];
  return b.op('Concat', [view(b, real, apart), view(b, imaginary, apart)], { axis: -1 });
}

/** The parts of [..., 1 or 2]. */
function partsOf(b: Builder, x: Value): [Value, Value?] {
  const shape = b.shape(x);
  if (shape.at(-1) === 1) return [view(b, x, shape.slice(0, -1))];
  const [re, im] = b.ops('Split', [x], { axis: -1, num_outputs: 2 }, { outputs: 2 }) as [Value, Value];
  return [view(b, re, shape.slice(0, -1)), view(b, im, shape.slice(0, -1))];
}

/** Bins k and N − k are conjugate, so every bin but those of k = 0 and N/2 counts for two: [..., n] → [..., N, 1]. */
function toReal(b: Builder, re: Value, im: Value, { cos, sin }: { cos: Value; sin: Value }, length: number): Value {
  const count = b.shape(re).at(-1)!;
  const counts = indices(count).map((k) => (k === 0 || 2 * k === length ? 1 : 2));
  const weighted = (part: Value): Value => mul(b, part, b.constant(Tensor.of(b.type(re).dtype, counts)));
  const y = add(b, b.op('MatMul', [weighted(re), cos]), b.op('MatMul', [weighted(im), sin]));
  return view(b, y, [...b.shape(y), 1]);
}

const dft: Definition = (b, node) => {
  const { axis, length, bins, back, real } = dftOf(new TypeContext(b.graph, node));
  const shape = b.shape(node.inputs[0]!);
  const rank = shape.length;
  // The axis before the last one; a transform longer than it reads zeros behind, which need no rows.
  const order = [...indices(rank - 1).filter((i) => i !== axis), axis, rank - 1];
  const count = Math.min(shape[axis]!, real ? Math.floor(length / 2) + 1 : length);
  const x = firstOf(b, transpose(b, node.inputs[0]!, order), rank - 2, count);
  const [re, im] = partsOf(b, x);
  const m = matrices(b, node, x, count, bins, length, back);
  const y = real ? toReal(b, re, im!, m, length) : transformed(b, re, im, m);
  return [transpose(b, y, inverse(order))];
};

const stft: Definition = (b, node) => {
  const { step, length, frames, bins } = stftOf(new TypeContext(b.graph, node));
  const [signal, , window] = node.inputs as [Value, Value, Value?];
  const places = Tensor.of(
    'int64',
    indices(frames * length).map((i) => Math.floor(i / length) * step + (i % length)),
    [frames, length],
  );
  const m = matrices(b, node, signal, length, bins, length);
  const framed = (part: Value): Value => {
    const rows = b.op('Gather', [part, b.constant(places)], { axis: 1 });
    return window ? mul(b, rows, window) : rows;
  };
  const whole = b.shape(signal).length === 2 ? view(b, signal, [...b.shape(signal), 1]) : signal;
  const [re, im] = partsOf(b, whole);
  return [transformed(b, framed(re), im && framed(im), m)];
};

export const fourier = { DFT: dft, STFT: stft } as const satisfies Record<string, Definition>;
