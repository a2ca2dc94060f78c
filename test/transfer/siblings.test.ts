// Files that hold the weights of a model's files once more: which tensor is which parameter, by bytes and then by name;
// what cannot be told is refused. With real files: test/seq2seq-goldens.test.ts.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { joinModels, onlyPart, openFiles } from '#ortune/onnx/join.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { writeModelDirectory } from '#ortune/transfer/directory.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
import { findSiblings, mergedNote } from '#ortune/transfer/siblings.js';
import { initializer, modelProto, node, value, writeModel } from '../onnx/support.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory();
let count = 0;
const varied = (from: number): Tensor => {
  const values = Float32Array.from({ length: 16 }, (_, i) => Math.sin(from + i * i));
  return Tensor.of('float32', values, [4, 4]);
};
const turned = (tensor: Tensor): Tensor => {
  const values = tensor.numbers();
  return Tensor.of(
    'float32',
    values.map((_, i) => values[(i % 4) * 4 + Math.floor(i / 4)]!),
    [4, 4],
  );
};
const zeros = (): Tensor => Tensor.of('float32', [0, 0, 0, 0]);

/** logits = (x·first + one)·second + two, by the names given. */
function write(file: string, [first, one, second, two]: [string, Tensor][]): void {
  const tensors = [first!, one!, second!, two!];
  const steps = tensors.map(([name], i) => {
    const from = i === 0 ? 'x' : `v${i}`;
    return node(i % 2 === 0 ? 'MatMul' : 'Add', [from, name], [i === 3 ? 'logits' : `v${i + 1}`]);
  });
  const given = new Map(tensors);
  writeModel(
    file,
    modelProto({
      nodes: steps,
      inputs: [value('x', 'float32', ['n', 4])],
      outputs: [value('logits', 'float32', ['n', 4])],
      initializers: [...given].map(([name, tensor]) => initializer(name, tensor)),
    }),
  );
}

type Four = [string, Tensor][];
function opened(model: Four, siblings: Record<string, Four>) {
  const directory = join(root, `model${count++}`);
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  write(join(directory, 'onnx', 'model.onnx'), model);
  for (const [name, tensors] of Object.entries(siblings)) write(join(directory, 'onnx', `${name}.onnx`), tensors);
  const joined = joinModels(onlyPart, openFiles(directory, undefined));
  const choice = chooseParameters(joined, joined.graph);
  const find = (names = ['other']) =>
    findSiblings(joined, names, { graph: joined.graph, parameters: choice.trainable });
  return { directory, joined, choice, find };
}

const own: Four = [
  ['fc1.weight', varied(1)],
  ['fc1.bias', zeros()],
  ['fc2.weight', varied(2)],
  ['fc2.bias', zeros()],
];

describe('a sibling', () => {
  it('is written with the trained weights, transposed where they lie so, and equal ones by their names', () => {
    const other: Four = [
      ['onnx::MatMul_1', varied(1)],
      ['m.fc9.bias', varied(0)],
      ['onnx::MatMul_2', varied(2)],
      ['fc2.bias', zeros()],
    ];
    const biased: Four = [own[0]!, ['b', varied(0)], own[2]!, own[3]!];
    const withBias = opened(biased, {
      other: [other[0]!, ['c', varied(0)], ['onnx::MatMul_2', turned(varied(2))], other[3]!],
    });
    const { files, notes } = withBias.find();
    expect(Object.fromEntries(files[0]!.tensors)).toEqual({
      'onnx::MatMul_1': { parameter: 'fc1.weight', transposed: false },
      c: { parameter: 'b', transposed: false },
      'onnx::MatMul_2': { parameter: 'fc2.weight', transposed: true },
      'fc2.bias': { parameter: 'fc2.bias', transposed: false },
    });
    expect(notes).toEqual(['other.onnx: the trained weights go there too']);
    const target = join(root, 'saved');
    const weights = new Map([['fc2.weight', varied(9)]]);
    writeModelDirectory(withBias.joined, target, weights, { config: {}, siblings: files });
    const saved = toGraph(openModel(join(target, 'onnx', 'other.onnx'))).initializers;
    expect(saved.get('onnx::MatMul_2')!.numbers()).toEqual(turned(varied(9)).numbers());
    expect(saved.get('onnx::MatMul_1')!.numbers()).toEqual(varied(1).numbers());
    write(join(withBias.directory, 'onnx', 'other.onnx'), other);
    expect(() => writeModelDirectory(withBias.joined, target, weights, { config: {}, siblings: files })).toThrow(
      /other.onnx changed during the run/,
    );
  });

  it('of another type is left out, and said; a file of another name is none of a model of one file', () => {
    const { find } = opened(own, { model_q4: own, model_fp16: own, modelling: own });
    const [note] = find([]).notes;
    expect(note?.split(', ').sort().slice(0, 2)).toEqual([
      expect.stringMatching(/^model_fp16.onnx/),
      expect.stringMatching(/^model_q4.onnx/),
    ]);
    expect(note).toMatch(/: left out of the saved directory/);
    expect(note).not.toContain('modelling');
  });

  it('is refused where equal weights cannot be told, and where one equals none', () => {
    const unnamed: Four = [own[0]!, ['a', zeros()], own[2]!, ['b', zeros()]];
    expect(opened(own, { other: unnamed }).find).toThrow(
      /other.onnx: 'a' equals several weights of the files that are trained \('fc1.bias', 'fc2.bias'\), and its name does not say/,
    );
    expect(opened(own, { other: own }).find().files).toHaveLength(1);
    expect(opened(own, { other: [['w', varied(5)], ...own.slice(1)] }).find).toThrow(
      /other.onnx: 'w' equals no weight of the files that are trained/,
    );
  });
});

it('weights that became one tensor of a merged file are said', () => {
  const shared: Four = [own[0]!, ['fc1.bias_merged_3', zeros()], own[2]!, ['fc1.bias_merged_3', zeros()]];
  const { joined, choice } = opened(shared, {});
  expect(mergedNote(choice, joined.graph)).toEqual([
    expect.stringMatching(/^warning: 'fc1.bias_merged_3': several weights that were equal .* stay equal in training$/),
  ]);
  const apart = opened(own, {});
  expect(mergedNote(apart.choice, apart.joined.graph)).toEqual([]);
});
