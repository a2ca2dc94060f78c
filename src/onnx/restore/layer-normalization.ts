// Layer normalisation written out, (x − mean) / √(variance + ε) · scale + bias, becomes one LayerNormalization node.
// Forms: PyTorch's (Sub, Pow or Mul, Div by Sqrt), reciprocal square roots, means as ReduceSum over n, and the one
// TensorFlow writes, x·r + (bias − mean·r) with r = scale/√(variance + ε). Ba et al., Layer Normalization, 2016.

import type { Builder } from '../builder.js';
import type { Node, Value } from '../graph.js';
import { elementCount, Tensor } from '../tensor.js';
import { close, Matcher } from './match.js';

/** x and the axes it is normalised over: its last `count`. */
export interface Centred {
  x: Value;
  count: number;
}

export interface Normalised extends Centred {
  epsilon: number;
}

const same = (a: Centred | undefined, b: Centred | undefined): boolean => !!a && a.x === b?.x && a.count === b.count;

export class LayerNormalizationMatcher extends Matcher {
  /** `value` as the mean of x over its last axes, kept as 1. */
  mean(value: Value): Centred | undefined {
    const scaled = this.scaled(this.producer(value, 'Mul', 'Div'));
    const node = this.producer(scaled?.x ?? value, scaled ? 'ReduceSum' : 'ReduceMean');
    const x = node?.inputs[0];
    const axes = node?.inputs[1] ? this.graph.initializers.get(node.inputs[1])?.numbers() : undefined;
    if (!node || !x || !axes || Number(node.attrs.get('keepdims')?.value ?? 1) === 0) return undefined;
    const shape = this.graph.shape(x);
    const sorted = axes.map((a) => (a < 0 ? a + shape.length : a)).sort((a, b) => a - b);
    if (sorted.length === 0 || sorted.some((a, i) => a !== shape.length - sorted.length + i)) return undefined;
    if (scaled && !close(scaled.factor * elementCount(shape.slice(-sorted.length)), 1, 1e-5)) return undefined;
    return { x, count: sorted.length };
  }

  /** `value` as x − mean(x). */
  centred(value: Value): Centred | undefined {
    const node = this.producer(value, 'Sub');
    const mean = node && this.mean(node.inputs[1]!);
    return mean?.x === node?.inputs[0] ? mean : undefined;
  }

  /** `value` as √(variance(x) + ε), or as its reciprocal. */
  deviation(value: Value, reciprocal: boolean): Normalised | undefined {
    const node = this.producer(value);
    if (node?.op === 'Pow' && this.number(node.inputs[1]) === (reciprocal ? -0.5 : 0.5))
      return this.variance(node.inputs[0]!);
    if (!reciprocal) return node?.op === 'Sqrt' ? this.variance(node.inputs[0]!) : undefined;
    if (node?.op === 'Reciprocal') return this.deviation(node.inputs[0]!, false);
    if (node?.op === 'Sqrt') {
      const inverse = this.producer(node.inputs[0]!, 'Reciprocal');
      return inverse && this.variance(inverse.inputs[0]!);
    }
    return node?.op === 'Div' && this.number(node.inputs[0]) === 1 ? this.deviation(node.inputs[1]!, false) : undefined;
  }

  /** `value` as the mean of a square + ε: both operands of the square. */
  meanSquare(value: Value): { operands: [Value, Value]; count: number; epsilon: number } | undefined {
    const node = this.producer(value, 'Add');
    if (!node) return undefined;
    const [a, b] = node.inputs as [Value, Value];
    const epsilon = this.number(b) ?? this.number(a);
    const mean = this.mean(this.number(b) === undefined ? b : a);
    const square = mean && this.producer(mean.x, 'Pow', 'Mul');
    if (!square || epsilon === undefined) return undefined;
    if (square.op === 'Pow' && this.number(square.inputs[1]) !== 2) return undefined;
    const [x, y] = square.inputs as [Value, Value];
    return { operands: [x, square.op === 'Pow' ? x : y], count: mean.count, epsilon };
  }

  /** `value` as mean((x − mean(x))²) + ε. */
  variance(value: Value): Normalised | undefined {
    const found = this.meanSquare(value);
    if (!found) return undefined;
    const [a, b] = found.operands.map((operand) => this.centred(operand));
    return a && same(a, b) && a.count === found.count ? { ...a, epsilon: found.epsilon } : undefined;
  }

  /** The output of `node` as (x − mean(x)) / √(variance(x) + ε). */
  normalised(node: Node): Normalised | undefined {
    if (node.domain !== '') return undefined;
    const [a, b] = node.inputs as [Value, Value];
    const pairs: [Value, Value, boolean][] =
      node.op === 'Div'
        ? [[a, b, false]]
        : node.op === 'Mul'
          ? [
              [a, b, true],
              [b, a, true],
            ]
          : [];
    for (const [top, root, reciprocal] of pairs) {
      const deviation = this.deviation(root, reciprocal);
      if (deviation && same(this.centred(top), deviation)) return deviation;
    }
    return undefined;
  }

  /** The output of an Add as x·r + (bias − mean·r), with r the reciprocal deviation times a scale. */
  affine(node: Node): (Normalised & { scale?: Value; bias: Value }) | undefined {
    if (node.op !== 'Add' || node.domain !== '') return undefined;
    for (const [left, right] of [node.inputs, node.inputs.toReversed()] as [Value, Value][]) {
      const [product, rest] = [this.producer(left, 'Mul'), this.producer(right, 'Sub')];
      const shift = rest && this.producer(rest.inputs[1]!, 'Mul');
      const r = product?.inputs.find((input) => shift?.inputs.includes(input));
      if (!product || !rest || !shift || !r) continue;
      const scaling = this.producer(r, 'Mul');
      const roots = [r, ...(scaling?.inputs ?? [])];
      const root = roots.find((v) => this.deviation(v, true));
      const found = root && this.deviation(root, true);
      if (!found || this.other(product, r) !== found.x || !same(this.mean(this.other(shift, r)), found)) continue;
      return { ...found, bias: rest.inputs[0]!, ...(root !== r && scaling && { scale: this.other(scaling, root) }) };
    }
    return undefined;
  }
}

/** Replaces every written-out layer normalisation, in place; what only it used is left for pruning. */
export function restoreLayerNormalization(b: Builder): void {
  const { graph } = b;
  const m = new LayerNormalizationMatcher(graph);
  for (const node of [...graph.nodes]) {
    const whole = m.affine(node);
    if (whole) {
      const shape = graph.shape(whole.x).slice(-whole.count);
      const parts = [whole.scale, whole.bias].map((v) => v === undefined || fits(b, v, shape));
      if (parts.every(Boolean)) replace(b, node, whole, whole.scale, whole.bias);
      continue;
    }
    const plain = m.normalised(node);
    if (!plain) continue;
    const shape = graph.shape(plain.x).slice(-plain.count);
    const scaling = readerWith(m, b, node, 'Mul', shape);
    const shifting = scaling && readerWith(m, b, scaling, 'Add', shape);
    const scale = scaling && m.other(scaling, node.outputs[0]!);
    const bias = shifting && m.other(shifting, scaling.outputs[0]!);
    replace(b, shifting ?? scaling ?? node, plain, scale, bias);
  }
}

/**
 * The only reader of the node's output, if it is this operator and its other operand has one value per element of
 * `shape`.
 */
function readerWith(m: Matcher, b: Builder, node: Node, op: string, shape: readonly number[]): Node | undefined {
  const reader = m.onlyConsumer(node.outputs[0]!);
  return reader?.op === op && fits(b, m.other(reader, node.outputs[0]!), shape) ? reader : undefined;
}

/** Whether the value has this shape, leading ones aside. */
function fits(b: Builder, value: Value, shape: readonly number[]): boolean {
  const found = b.shape(value);
  const lead = found.length - shape.length;
  return lead >= 0 && found.every((d, i) => d === (i < lead ? 1 : shape[i - lead]));
}

function replace(b: Builder, node: Node, { x, count, epsilon }: Normalised, scale?: Value, bias?: Value): void {
  const { dtype, shape } = b.type(x);
  const wanted = shape.slice(-count);
  const flat = (value: Value): Value => {
    if (b.shape(value).length === count) return value;
    const y = b.op('Reshape', [value, b.ints(wanted)], {}, { name: `${node.name}.flat` });
    const reshape = b.graph.nodes.pop()!;
    b.graph.nodes.splice(b.graph.nodes.indexOf(node), 0, reshape);
    return y;
  };
  const ones = () =>
    b.constant(Tensor.of(dtype, new Array<number>(elementCount(wanted)).fill(1), wanted), `${node.name}.ones`);
  const inputs = [x, scale === undefined ? ones() : flat(scale), ...(bias === undefined ? [] : [flat(bias)])];
  node.op = 'LayerNormalization';
  node.inputs = inputs;
  node.attrs = new Map([
    ['axis', { kind: 'int', value: -count }],
    ['epsilon', { kind: 'float', value: epsilon }],
  ]);
}
