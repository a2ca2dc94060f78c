// A classifier of texts that is small enough to write by hand, with outputs as exports have them: one or several
// columns, without an axis of classes, behind a softmax, in float16, beside other floats; with axes that are fixed.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { TorchScriptWriter } from '#ortune/models/torchscript.js';
import type { Dim } from '#ortune/onnx/graph.js';

export const texts = ['free cash offer', 'meeting at lunch', 'patch', 'cash for lunch and lunch for cash', 'free free'];
const { tokenizer, config: tokenizerConfig } = buildWordPiece(texts, { vocabulary: 60, minFrequency: 1 });
const hidden = 8;

export interface TinyOptions {
  config?: object;
  columns?: number;
  /** What stands behind the last layer. */
  tail?: 'Softmax' | 'LogSoftmax' | 'Sigmoid' | 'half' | 'without classes' | 'for tokens';
  output?: string;
  /** Further float outputs: name and size. */
  more?: Readonly<Record<string, number>>;
  /** The shape that the file states of input_ids. */
  ids?: readonly Dim[];
  /** Of a second input, which the model adds nothing by. */
  mask?: readonly Dim[];
  /** A Reshape in the graph is for batches of so many. */
  madeFor?: number;
  /** Factor of the weights. */
  scale?: number;
}

/** Writes a model directory. */
export function tinyClassifier(directory: string, options: TinyOptions = {}): string {
  const { config = {}, columns = 2, tail, output = 'logits', more = {}, madeFor, scale = 1 } = options;
  const { ids: stated = ['batch', 'sequence'], mask: second } = options;
  const w = new TorchScriptWriter(17);
  const ids = w.input('input_ids', 'int64', [...stated]);
  // Of i² : equal steps would make waves of the columns, as tables of positions are.
  const data = (size: number, phase: number) =>
    new Float32Array(size).map((_, i) => scale * Math.sin(i * i * 1.7 + phase));
  // Padding adds nothing, so that the length of a batch does not matter.
  const table = w.weight('embeddings.weight', [64, hidden], data(64 * hidden, 0).fill(0, 0, hidden));
  const looked = w.op('/embeddings', 'Gather', [table, ids]);
  let vector =
    tail === 'for tokens' ? looked : w.op('/pool', 'ReduceSum', [looked, w.ints('/pool', 1)], { keepdims: 0 });
  if (second) {
    const mask = w.op('/mask', 'Cast', [w.input('attention_mask', 'int64', [...second])], { to: 1 });
    const none = w.op('/mask', 'ReduceSum', [mask, w.ints('/mask', 1)], { keepdims: 1 });
    vector = w.op('/mask', 'Add', [vector, w.op('/mask', 'Mul', [none, w.scalar('/mask', 0)])]);
  }
  if (madeFor !== undefined) vector = w.op('/reshape', 'Reshape', [vector, w.ints('/reshape', madeFor, hidden)]);
  const batch = stated[0]!;
  for (const [name, size] of Object.entries(more)) {
    w.op('/more', 'MatMul', [vector, w.weight(`${name}.weight`, [hidden, size], data(hidden * size, 2))], {}, name);
    w.output(name, 'float32', [batch, size]);
  }
  const weight = w.weight('classifier.weight', [hidden, columns], data(hidden * columns, 1));
  const bias = w.weight('classifier.bias', [columns], data(columns, 3));
  const last = tail === undefined ? output : undefined;
  const product = w.op('/classifier', 'MatMul', [vector, weight]);
  const logits = w.op('/classifier', 'Add', [product, bias], {}, tail === 'for tokens' ? output : last);
  if (tail === 'half') w.op('/half', 'Cast', [logits], { to: 10 }, output);
  else if (tail === 'without classes') w.op('/squeeze', 'Squeeze', [logits, w.ints('/squeeze', 1)], {}, output);
  else if (tail === 'Sigmoid') w.op('/tail', tail, [logits], {}, output);
  else if (tail === 'Softmax' || tail === 'LogSoftmax') w.op('/tail', tail, [logits], { axis: 1 }, output);
  const shape = { 'without classes': [batch], 'for tokens': [...stated, columns] }[tail as string] ?? [batch, columns];
  w.output(output, tail === 'half' ? 'float16' : 'float32', shape);
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  writeFileSync(join(directory, 'onnx', 'model.onnx'), w.finish());
  const files = { 'config.json': config, 'tokenizer.json': tokenizer, 'tokenizer_config.json': tokenizerConfig };
  for (const [name, value] of Object.entries(files)) writeFileSync(join(directory, name), JSON.stringify(value));
  return directory;
}

export const named = (...names: string[]) => ({ id2label: Object.fromEntries(names.map((name, i) => [i, name])) });
