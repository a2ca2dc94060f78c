// What makes `ortune train` and `ortune eval` end early: exit code, one message that says where, one JSON object with
// --json, no stack, and nothing written that a later run would trip over.

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph } from '#ortune/onnx/graph.js';
import { openModel } from '#ortune/onnx/load.js';
import { fileTensors, saveModel } from '#ortune/onnx/save.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { type Ended, ortune } from '../support/command.js';
import { smallProblem } from '../support/small-problem.js';

const problem = smallProblem();
const { path, write } = problem;

const jsonl = (...rows: object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');
const ham = { text: 'the patch', label: 'ham' };
const spam = { text: 'free cash', label: 'spam' };

/** The encoder's directory with another model file in it. */
function withModel(name: string, bytes?: Uint8Array): string {
  cpSync(path('encoder'), path(name), { recursive: true });
  if (bytes) writeFileSync(path(`${name}/onnx/model.onnx`), bytes);
  return path(name);
}

/** Mean of the embeddings → the operators one after the other → a linear layer → logits [batch, 2]. */
function chain(operators: string[]): Uint8Array {
  const graph = new Graph();
  const node = (name: string, op: string, inputs: string[], output: string) =>
    graph.nodes.push({ name, op, domain: '', inputs, outputs: [output], attrs: new Map() });
  graph.inputs = [{ name: 'input_ids', dtype: 'int64', shape: ['batch', 'sequence'] }];
  graph.initializers.set('table', Tensor.of('float32', Array(4000).fill(0.5), [2000, 2]));
  graph.initializers.set('axis', Tensor.of('int64', [1], [1]));
  node('embed', 'Gather', ['table', 'input_ids'], 'embedded');
  node('pool', 'ReduceMean', ['embedded', 'axis'], 'x0');
  graph.nodes.at(-1)!.attrs.set('keepdims', { kind: 'int', value: 0 });
  operators.forEach((op, i) => {
    node(`odd${i}`, op, [`x${i}`], `x${i + 1}`);
  });
  graph.initializers.set('head', Tensor.of('float32', [1, 2, 3, 4], [2, 2]));
  node('last', 'MatMul', [`x${operators.length}`, 'head'], 'logits');
  graph.outputs = [{ name: 'logits', dtype: 'float32', shape: ['batch', 2] }];
  return encodeGraph(graph);
}

function spoilt(name: string, tensor: string, value: number): string {
  const directory = withModel(name);
  const model = openModel(directory);
  const shape = [...fileTensors(model).get(tensor)!.shape];
  const data = new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(value);
  saveModel(model, path(`${name}/onnx/model.onnx`), new Map([[tensor, Tensor.of('float32', data, shape)]]));
  return directory;
}

/** The failure as people and programs see it: both say the same, and nobody sees a stack. */
function expectFailure(ended: Ended, code: number, name: string, message: string | RegExp): void {
  expect(ended.json.error.message).toMatch(message);
  expect(ended.json).toEqual({ error: { name, message: ended.json.error.message } });
  expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1);
  expect(ended.stderr).toContain(`ortune: ${ended.json.error.message}`);
  expect(ended.stderr + ended.stdout).not.toMatch(/^\s+at .*:\d+/m);
  expect(ended.code).toBe(code);
}

const train = (...more: string[]): Promise<Ended> => {
  rmSync(path('out'), { recursive: true, force: true });
  // Files given twice are files together.
  const files = more.includes('--train') ? [] : ['--train', path('train.jsonl')];
  const args = ['--model', path('encoder'), ...files, '--output', path('out'), '--max-steps', '2'];
  return ortune(['train', ...args, ...more, '--json']);
};

describe('a model that cannot be trained', () => {
  it.each<[string, () => string, string | RegExp]>([
    ['is missing', () => path('nowhere'), /There is no model at .*nowhere/],
    [
      'cannot be read',
      () => {
        mkdirSync(path('folder/onnx/model.onnx'), { recursive: true });
        return path('folder');
      },
      /model\.onnx cannot be read: it is a folder, not a file/,
    ],
    [
      'is damaged',
      () => withModel('damaged', readFileSync(path('encoder/onnx/model.onnx')).subarray(0, 5000)),
      /damaged or cut/,
    ],
    ['is quantised', () => withModel('quantised', chain(['MatMulInteger'])), /MatMulInteger/],
    [
      'has a configuration that is no JSON',
      () => {
        writeFileSync(`${withModel('config')}/config.json`, '{"id2label": ');
        return path('config');
      },
      /config\.json is not valid JSON/,
    ],
    [
      'has no tokenizer',
      () => {
        rmSync(`${withModel('mute')}/tokenizer.json`);
        return path('mute');
      },
      /no .*tokenizer\.json: texts need the model's tokenizer\.json/,
    ],
    [
      'has a tokenizer that is none',
      () => {
        writeFileSync(`${withModel('garbled')}/tokenizer.json`, '{"model": 1}');
        return path('garbled');
      },
      /garbled\/tokenizer\.json cannot be used/,
    ],
  ])('%s', async (_, model, message) => {
    expectFailure(await train('--model', model()), 1, 'ModelError', message);
    expect(existsSync(path('out/model'))).toBe(false);
  });

  it('has operators that are not known at all, and all of them are named at once', async () => {
    const ended = await train(
      '--model',
      withModel('unknown', chain(['Unique', 'Softplus', 'StringNormalizer', 'Unique'])),
    );
    expectFailure(ended, 1, 'ModelError', /^3 operators are not supported:\n {2}Unique \(node 'odd0'\)\n/);
    for (const node of ['odd2', 'odd3']) expect(ended.json.error.message).toContain(`(node '${node}')`);
  });
});

describe('data that cannot be trained on', () => {
  it.each<[string, () => string[], number, string, string | RegExp]>([
    ['is missing', () => ['--train', path('none.jsonl')], 1, 'DataError', /none\.jsonl cannot be read: ENOENT/],
    [
      'has a broken line',
      () => ['--train', write('broken.jsonl', `${jsonl(ham, spam)}\n{"text"\n`)],
      1,
      'DataError',
      /broken\.jsonl:3: not a JSON value/,
    ],
    [
      'lacks a column',
      () => ['--text-column', 'body'],
      1,
      'DataError',
      /train\.jsonl:1: no column 'body'; found 'label', 'text'/,
    ],
    [
      'has one class',
      () => ['--train', write('one.jsonl', jsonl(ham, ham))],
      1,
      'DataError',
      /one class only \('ham'\)/,
    ],
    ['is empty', () => ['--train', write('empty.csv', 'text,label\n')], 1, 'DataError', /empty\.csv holds no records/],
    [
      'is of an unknown kind',
      () => ['--train', write('data.arrow', 'x')],
      2,
      'UsageError',
      /data\.arrow: unknown format; ortune reads .*\.parquet/,
    ],
    [
      'has a label at evaluation that training has not',
      () => ['--eval', write('eval.jsonl', jsonl(ham, spam, { text: 'x', label: 'eggs' }))],
      1,
      'DataError',
      /eval\.jsonl:3: unknown label 'eggs'; the model's 2 classes are 'ham', 'spam'/,
    ],
    ['is to be tested on and missing', () => ['--test', path('gone.csv')], 1, 'DataError', /gone\.csv cannot be read/],
  ])('%s', async (_, args, code, name, message) => {
    expectFailure(await train(...args()), code, name, message);
    expect(existsSync(path('out'))).toBe(false);
  });
});

describe('options that cannot be', () => {
  it.each<[string, string[], string | RegExp]>([
    ['a pattern that matches nothing', ['--freeze', 'layers.*'], /'layers\.\*' matches none of the \d+ parameters/],
    ['a pattern that leaves nothing', ['--freeze', '*'], /leaves none of \d+ parameters to train/],
    ['a number out of bounds', ['--learning-rate', '0'], /option '--learning-rate' must be a number above 0, found 0/],
    [
      'a choice that there is not',
      ['--optimizer', 'lamb'],
      /option '--optimizer' must be one of adamw, adam, sgd, rmsprop, adadelta, lion, found "lamb"/,
    ],
  ])('%s', async (_, args, message) => {
    expectFailure(await train(...args), 2, 'UsageError', message);
    expect(existsSync(path('out'))).toBe(false);
  });
});

describe('a loss that is not finite', () => {
  it('is reported with step and cause', async () => {
    const ended = await train('--model', spoilt('nan', 'bert.encoder.layer.0.output.dense.bias', Number.NaN));
    expectFailure(ended, 1, 'OrtuneError', /^step 1, epoch 1: the loss \(NaN\) is not finite/);
    expect(ended.json.error.message).toContain("the weight 'bert.encoder.layer.0.output.dense.bias' of");
    expect(existsSync(path('out/model'))).toBe(false);
  });
});

describe('an evaluation', () => {
  it('counts the texts it cut', async () => {
    const data = write('long.jsonl', jsonl(ham, { text: 'free cash '.repeat(50), label: 'spam' }));
    const ended = await ortune(['eval', path('encoder'), data, '--json']);
    expect(ended.code).toBe(0);
    expect(ended.json.truncated).toBe(1);
    expect(ended.stderr).toContain('1 of 2 texts were longer than the model reads and were cut');
  });

  it('needs a model with named classes', async () => {
    const directory = withModel('nameless');
    writeFileSync(`${directory}/config.json`, '{"model_type": "bert"}');
    const ended = await ortune(['eval', directory, path('test.csv'), '--json']);
    expectFailure(ended, 2, 'UsageError', /config\.json names no labels \(id2label\)/);
  });

  it.each<[string, () => string, RegExp]>([
    ['without data', () => path('none.csv'), /none\.csv cannot be read/],
    ['of an empty file', () => write('empty.jsonl', '\n'), /empty\.jsonl holds no records/],
    ['of another label', () => write('label.csv', 'text,label\nx,ham\ny,eggs\n'), /label\.csv:3: unknown label 'eggs'/],
  ])('%s ends with the file in question', async (_, data, message) => {
    expectFailure(await ortune(['eval', path('encoder'), data(), '--json']), 1, 'DataError', message);
  });
});
