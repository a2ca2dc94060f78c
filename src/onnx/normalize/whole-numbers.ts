// Graphs that compute with whole numbers, as graphs of floats that are rounded where those are: no derivative goes
// through whole numbers, and a product of rounded floats is the product of the numbers times both scales. Of static
// files (QuantizeLinear, QLinear…), of dynamic ones (DynamicQuantizeLinear, MatMulInteger, …) and of
// quantisation-aware training. Weights stay as the file stores them, behind a DequantizeLinear each; a derivative goes
// straight through what rounds (ortune.FakeQuantize, as PyTorch's fake_quantize, and ortune.DynamicFakeQuantize).

import { ModelError } from '../../errors.js';
import { quote } from '../../quote.js';
import { type DataType, dataTypeFromOnnx } from '../dtype.js';
import { type Attr, attrInt, type Graph, type Node, operatorKey, type Value } from '../graph.js';
import type { Tensor } from '../tensor.js';
import { uniqueNames } from './names.js';
import { wholeNumberForms } from './whole-number-forms.js';

/** The least and largest number of each type. */
const ranges: Partial<Record<DataType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/** Give out numbers of input 0 as they are, or the largest of them. */
const moving = new Set([
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Slice',
  'Gather',
  'Expand',
  'Tile',
]);
moving.add('MaxPool').add('Split').add('DepthToSpace').add('SpaceToDepth').add('Identity');

/** Operators that are resolved here, as tables write them. */
export const wholeNumberOperators: readonly string[] = [
  ...['QuantizeLinear', 'DynamicQuantizeLinear', 'MatMulInteger', 'ConvInteger'],
  ...['com.microsoft.QuantizeLinear', 'com.microsoft.DequantizeLinear'],
  ...Object.keys(wholeNumberForms),
];
const resolved = new Set(wholeNumberOperators);

/** Whole numbers that stand for floats. */
interface Rounded {
  /** The floats, rounded. */
  value: Value;
  scale: Value;
  zero: Value;
  /** Of the scales. */
  axis: number;
}

/** A product of whole numbers, whose scales are still to come. */
interface Product {
  node: Node;
  x: Rounded;
}

/**
 * Puts floats in the place of whole numbers, in place.
 * @throws ModelError for a node that reads them and is not known to, by name
 */
export function computeWithFloats(graph: Graph, path: string): void {
  if (graph.nodes.some((node) => resolved.has(operatorKey(node)))) new WholeNumbers(graph, path).run();
}

export class WholeNumbers {
  readonly #graph: Graph;
  readonly #path: string;
  readonly #unique: (stem: string) => string;
  readonly #nodes: Node[] = [];
  readonly #rounded = new Map<Value, Rounded>();
  readonly #products = new Map<Value, Product>();
  /** Scales of products: of the one operand, and of the other. */
  readonly #scales = new Map<Value, readonly [Value, Value]>();
  /** What exists no longer: scales and zero points that are found as the model runs. */
  readonly #gone = new Set<Value>();
  readonly #renamed = new Map<Value, Value>();
  readonly #made = new Map<string, Value>();
  /** The node that is looked at. */
  #node!: Node;

  constructor(graph: Graph, path: string) {
    this.#graph = graph;
    this.#path = path;
    const names = graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs]);
    this.#unique = uniqueNames([...names, ...graph.initializers.keys(), ...graph.inputs.map((input) => input.name)]);
  }

  run(): void {
    for (const node of this.#graph.nodes) {
      node.inputs = node.inputs.map((x) => this.#renamed.get(x) ?? x);
      this.#node = node;
      this.#visit(node);
    }
    this.#graph.nodes = this.#nodes;
    const output = this.#graph.outputs.find(
      ({ name }) => this.#isWhole(name) && this.#rounded.get(name)?.value !== name,
    );
    if (output)
      throw new ModelError(
        `${this.#path} is quantised, and its output ${quote(output.name)} has whole numbers, which no loss can be taken of. ` +
          'Use the float32 or float16 model.',
      );
  }

  #visit(node: Node): void {
    if (this.#resolve(node)) return;
    if (node.inputs.some((x) => this.#isWhole(x) && this.#rounded.get(x)?.value !== x))
      this.refuse('which is not known to read whole numbers');
    this.#nodes.push(node);
  }

  /** Whether something else has come in the place of a node. */
  #resolve(node: Node): boolean {
    const key = operatorKey(node);
    const { op, inputs } = node;
    const x = this.#rounded.get(inputs[0] ?? '');
    const form = wholeNumberForms[key];
    if (form) form(this, node);
    else if (op === 'QuantizeLinear') this.#quantize(node);
    else if (key === 'DynamicQuantizeLinear') this.#quantizeAsItRuns(node);
    else if (key === 'MatMulInteger' || key === 'ConvInteger') this.#multiply(node);
    else if (op === 'DequantizeLinear') this.#dequantize(node, x);
    else if (op === 'Mul') return this.#scaled(node);
    else if (op === 'Cast') return this.#castProduct(node);
    else if (key === 'Concat' && x) this.#concat(node, x);
    else if (moving.has(key) && x) return this.#move(node, x);
    else return false;
    return true;
  }

  /** Whether a value of the file is no float value here. */
  #isWhole(value: Value): boolean {
    return this.#rounded.has(value) || this.#products.has(value) || this.#gone.has(value);
  }

  /** @throws ModelError that names the node */
  refuse(why: string): never {
    throw new ModelError(
      `${this.#path} is quantised: node ${quote(this.#node.name)} is ${operatorKey(this.#node)}, ${why}. ` +
        'Use the float32 or float16 model (in a transformers.js directory: onnx/model.onnx).',
    );
  }

  /** Adds a node in the place of the one that is looked at; its first output, which is the only one unless named. */
  add(key: string, inputs: readonly Value[], attrs: ReadonlyMap<string, Attr> = new Map(), ...named: Value[]): Value {
    const dot = key.lastIndexOf('.');
    const { block } = this.#node;
    const outputs = named.length > 0 ? named : [this.#unique(`${this.#node.outputs[0]}/${key.slice(dot + 1)}`)];
    const added = [...inputs];
    while (added.at(-1) === '') added.pop();
    this.#nodes.push({
      // Of the same module.
      name: this.#unique(`${this.#node.name}.${key.slice(dot + 1)}`),
      op: key.slice(dot + 1),
      domain: key.slice(0, Math.max(0, dot)),
      inputs: added,
      outputs,
      attrs: new Map(attrs),
      ...(block && { block }),
    });
    return outputs[0]!;
  }

  constant(tensor: Tensor, stem: string): Value {
    const name = this.#unique(`${this.#node.name}/${stem}`);
    this.#graph.initializers.set(name, tensor);
    return name;
  }

  tensor(value: Value): Tensor | undefined {
    return this.#graph.initializers.get(value);
  }

  /** The floats that whole numbers stand for, which the file stores or that were rounded with this scale. */
  floats(value: Value, scale: Value, zero: Value, axis = 1): Value {
    if (!value || !scale) this.refuse('which lacks an input');
    const known = this.#rounded.get(value);
    if (known) {
      if (this.#same(known.scale, scale) && this.#same(known.zero, zero)) return known.value;
      this.refuse('which reads whole numbers by other scales than they were made with');
    }
    if (this.#isWhole(value) || this.#gone.has(scale)) this.refuse('which reads products of whole numbers');
    const key = [value, scale, zero, axis].join('\n');
    const made = this.#made.get(key);
    if (made !== undefined) return made;
    const attrs = new Map([['axis', { kind: 'int', value: axis } as const]]);
    const floats = this.add('DequantizeLinear', [value, scale, zero], this.#single(scale) ? undefined : attrs);
    if (!this.#node.block) this.#made.set(key, floats);
    return floats;
  }

  /** Rounds floats to what `out` of the file is then. */
  round(out: Value, floats: Value, scale: Value, zero: Value): void {
    const range = ranges[zero ? (this.tensor(zero)?.dtype ?? 'uint4') : 'uint8'];
    if (!range || !this.#single(scale)) this.refuse('whose numbers are not of 8 or 16 bits with one scale for all');
    const value = this.add('ortune.FakeQuantize', [floats, scale, zero], roundingAttrs(1, range));
    this.#rounded.set(out, { value, scale, zero, axis: 1 });
  }

  /** Floats as the runtime rounds them where it finds the scale of what is there. */
  roundAsItRuns(floats: Value): Value {
    const key = `as it runs\n${floats}`;
    const value = this.#made.get(key) ?? this.add('ortune.DynamicFakeQuantize', [floats]);
    if (!this.#node.block) this.#made.set(key, value);
    return value;
  }

  #single(scale: Value): boolean {
    return this.tensor(scale) ? this.tensor(scale)!.size === 1 : this.#gone.has(scale);
  }

  /** Whether two names stand for one constant: exporters write it again for each node. */
  #same(a: Value, b: Value): boolean {
    const [p, q] = [this.tensor(a), this.tensor(b)];
    if (!p || !q) return a === b;
    return p === q || (p.dtype === q.dtype && p.size === q.size && Buffer.from(p.bytes()).equals(q.bytes()));
  }

  #quantize(node: Node): void {
    const [x, scale, zero = ''] = node.inputs as [Value, Value, Value?];
    const stated = dataTypeFromOnnx(attrInt(node, 'output_dtype', 0));
    const dtype = zero ? this.tensor(zero)?.dtype : (stated ?? 'uint8');
    const range = dtype && ranges[dtype];
    const plain = attrInt(node, 'block_size', 0) === 0 && attrInt(node, 'precision', 0) === 0;
    if (!range || !plain || !this.tensor(scale))
      this.refuse('whose numbers are not of 8 or 16 bits, in range of scales that the file stores');
    const axis = attrInt(node, 'axis', 1);
    const value = this.add('ortune.FakeQuantize', [x, scale, zero], roundingAttrs(axis, range));
    this.#rounded.set(node.outputs[0]!, { value, scale, zero, axis });
  }

  #quantizeAsItRuns(node: Node): void {
    const [out, scale = '', zero = ''] = node.outputs as [Value, Value?, Value?];
    this.#gone.add(scale).add(zero).delete('');
    this.#rounded.set(out, { value: this.roundAsItRuns(node.inputs[0]!), scale, zero, axis: 1 });
  }

  /** The floats are there where they were rounded here; else the file stores the numbers. */
  #dequantize(node: Node, known: Rounded | undefined): void {
    const [x, scale, zero = ''] = node.inputs as [Value, Value, Value?];
    if (!known) {
      if (this.#isWhole(x)) this.refuse('which reads products of whole numbers');
      // That of com.microsoft is the standard one of older files.
      this.#nodes.push({ ...node, domain: '' });
      return;
    }
    const axis = attrInt(node, 'axis', 1);
    const plain = attrInt(node, 'block_size', 0) === 0 && attrInt(node, 'output_dtype', 0) === 0;
    if (!plain || (axis !== known.axis && !this.#single(scale)))
      this.refuse('which reads whole numbers by another axis');
    this.#rename(node.outputs[0]!, this.floats(x, scale, zero, axis));
  }

  #rename(value: Value, to: Value): void {
    if (this.#graph.outputs.some(({ name }) => name === value)) this.add('Identity', [to], new Map(), value);
    else this.#renamed.set(value, to);
  }

  #multiply(node: Node): void {
    const [a, b = '', zero = ''] = node.inputs;
    const x = this.#rounded.get(a!);
    if (!x || !this.#gone.has(x.scale) || zero !== x.zero || this.#isWhole(b))
      this.refuse('and not of what a DynamicQuantizeLinear rounded and numbers that the file stores');
    this.#products.set(node.outputs[0]!, { node, x });
  }

  /** Whether a Mul gives the scales of a product, or a product its scales. */
  #scaled({ inputs, outputs }: Node): boolean {
    const [out] = outputs as [Value];
    for (const [p, q] of [inputs, inputs.toReversed()] as [Value, Value][]) {
      const product = this.#products.get(p);
      const scales = this.#scales.get(q);
      if (product && scales?.[0] === product.x.scale) {
        this.#floatProduct(product, scales[1], out);
        return true;
      }
      if (product || !this.#gone.has(p) || !this.tensor(q)) continue;
      this.#scales.set(out, [p, q]);
      this.#gone.add(out);
      return true;
    }
    return false;
  }

  /** The product of floats that a product of whole numbers and its scales are. */
  #floatProduct({ node, x }: Product, scale: Value, out: Value): void {
    const [, weights, , zero = ''] = node.inputs as [Value, Value, Value?, Value?];
    const isConv = node.op === 'ConvInteger';
    const w = this.floats(weights, this.vector(scale), this.vector(zero), isConv ? 0 : -1);
    this.add(isConv ? 'Conv' : 'MatMul', [x.value, w], node.attrs, out);
  }

  /** Scales of the places along one axis, as one axis: files give them the axes that they are multiplied along. */
  vector(value: Value): Value {
    const tensor = this.tensor(value);
    if (!tensor || tensor.shape.length < 2) return value;
    return this.constant(tensor.part(tensor.dtype, [tensor.size]), 'scale');
  }

  #castProduct({ inputs, outputs }: Node): boolean {
    const product = this.#products.get(inputs[0]!);
    if (product) this.#products.set(outputs[0]!, product);
    return product !== undefined;
  }

  /** Whether a node moves rounded floats as it would move their whole numbers. */
  #move(node: Node, x: Rounded): boolean {
    const { op, inputs, outputs } = node;
    if (!this.#single(x.scale) || inputs.slice(1).some((v) => this.#isWhole(v))) return false;
    // The parts of a Split are all of them; the places of a MaxPool are no numbers.
    for (const out of op === 'Split' ? outputs : outputs.slice(0, 1)) this.#rounded.set(out, { ...x, value: out });
    this.#nodes.push({ ...node, inputs: [x.value, ...inputs.slice(1)] });
    return true;
  }

  #concat(node: Node, first: Rounded): void {
    const all = node.inputs.map((x) => this.#rounded.get(x));
    const alike = all.every((x) => x && this.#same(x.scale, first.scale) && this.#same(x.zero, first.zero));
    if (!alike || !this.#single(first.scale)) this.refuse('which joins whole numbers of several scales');
    this.#rounded.set(node.outputs[0]!, { ...first, value: node.outputs[0]! });
    this.#nodes.push({ ...node, inputs: all.map((x) => x!.value) });
  }
}

const roundingAttrs = (axis: number, [low, high]: readonly [number, number]): Map<string, Attr> =>
  new Map(Object.entries({ axis, low, high }).map(([name, value]) => [name, { kind: 'int', value } as const]));
