// Everything a user can get wrong ends with its exit code and a message that says where; never with a stack.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { ortune } from '../support/command.js';
import { smallProblem } from '../support/small-problem.js';

const problem = smallProblem();
const { path, write, lines } = problem;

const jsonl = (...rows: object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');
const ham = { text: 'the patch', label: 'ham' };
const spam = { text: 'free cash', label: 'spam' };

/** A model with one operator between its weight and its output. */
function oneOperator(op: string, dtype: 'float32' | 'uint8' = 'float32'): Uint8Array {
  const graph = new Graph();
  graph.inputs = [{ name: 'x', dtype: 'float32', shape: [2, 4] }];
  graph.initializers.set('w', Tensor.of(dtype, [1, 2, 3, 4], [4, 1]));
  const node = (name: string, kind: string, inputs: string[], outputs: string[]) => ({
    name,
    op: kind,
    domain: '',
    inputs,
    outputs,
    attrs: new Map(),
  });
  graph.nodes = [node('product', 'MatMul', ['x', 'w'], ['y']), node('odd', op, ['y'], ['z'])];
  graph.outputs = [{ name: 'z', dtype: 'float32', shape: [2, 1] }];
  return encodeGraph(graph);
}

describe('training data', () => {
  it.each([
    ['a missing file', () => path('none.jsonl'), 1, 'none.jsonl cannot be read'],
    [
      'a folder, which stands for pictures, with an empty class',
      () => {
        mkdirSync(path('folder/cats'), { recursive: true });
        return path('folder');
      },
      1,
      'holds no picture',
    ],
    ['a broken line', () => write('broken.jsonl', `${lines[0]}\n{"text": \n`), 1, 'broken.jsonl:2: not a JSON value'],
    [
      'a missing column',
      () => write('column.jsonl', jsonl(ham, { text: 'x', tag: 'ham' })),
      1,
      "column.jsonl:2: no column 'label'; found 'text', 'tag'",
    ],
    ['one class', () => write('one.jsonl', jsonl(ham, ham)), 1, "one class only ('ham')"],
    ['an empty file', () => write('empty.jsonl', ''), 1, 'empty.jsonl holds no records'],
    [
      'bytes that are not text',
      () => {
        writeFileSync(path('binary.jsonl'), Buffer.from([0x7b, 0xff, 0xfe, 0x0a]));
        return path('binary.jsonl');
      },
      1,
      'not UTF-8',
    ],
  ])('%s', async (_, file, exitCode, message) => {
    const args = ['train', '--model', path('encoder'), '--train', file(), '--output', path('out')];
    const { code, stderr } = await ortune([...args, '--overwrite']);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(exitCode);
  });

  it('what is in files never commands the terminal, on stderr or in JSON', async () => {
    const evil = '\u001b]0;title\u0007\u001b[2J\u009b31m\u202e';
    const data = write('evil.csv', `text,${evil}${'x'.repeat(5000)}\na,b\n`);
    const args = ['train', '--model', path('encoder'), '--train', data, '--output', path(`out${evil}`), '--json'];
    const { stderr, stdout, json } = await ortune([...args, '--text-column', `te${evil}xt`]);
    expect(stderr).toContain("found 'text', '\\u001b]0;title\\u0007");
    expect(stderr.length).toBeLessThan(2000);
    expect(stderr + stdout).not.toMatch(/(?!\n)\p{Cc}|\u202e/u);
    expect(json.error.message).toContain("no column 'te");
  });

  it('another number of classes than was asked for', async () => {
    const args = ['--model', path('encoder'), '--train', path('train.jsonl'), '--output', path('classes')];
    const { code, stderr } = await ortune(['train', ...args, '--num-labels', '3']);
    expect(stderr).toContain("train.jsonl has 2 classes ('ham', 'spam'), numLabels says 3");
    expect(code).toBe(1);
  });

  it('an unknown label at evaluation, by its line', async () => {
    const data = write('labels.jsonl', jsonl(ham, spam, { text: 'x', label: 'eggs' }));
    const { code, stderr } = await ortune(['eval', path('encoder'), data]);
    expect(stderr).toContain("labels.jsonl:3: unknown label 'eggs'; the model's 2 classes are 'ham', 'spam'");
    expect(code).toBe(1);
  });

  it('texts longer than the positions are cut and counted', async () => {
    const long = { text: 'free cash '.repeat(100), label: 'spam' };
    const data = write('long.jsonl', jsonl(ham, long, ham, long));
    const args = ['--model', path('encoder'), '--train', data, '--output', path('cut'), '--epochs', '1', '--json'];
    const { code, stderr } = await ortune(['train', ...args]);
    expect(stderr).toContain('note: 2 texts were longer than 32 tokens and were cut');
    expect(code).toBe(0);
  });

  it('an output that holds a run is left alone', async () => {
    const args = [
      'train',
      '--model',
      path('encoder'),
      '--train',
      path('train.jsonl'),
      '--output',
      path('twice'),
      '--max-steps',
      '1',
    ];
    expect((await ortune(args)).code).toBe(0);
    const { code, stderr } = await ortune(args);
    expect(stderr).toContain('holds a run already');
    expect(code).toBe(2);
    expect((await ortune([...args, '--overwrite'])).code).toBe(0);
  });

  it('a loss that is not finite names the step and its lines', async () => {
    const args = ['train', '--model', path('encoder'), '--train', path('train.jsonl'), '--output', path('nan')];
    const { code, stderr } = await ortune([
      ...args,
      '--learning-rate',
      '1e30',
      '--max-grad-norm',
      '0',
      '--warmup-ratio',
      '0',
    ]);
    expect(stderr).toMatch(/step \d+, epoch 1: the (loss|gradient norm).* is not finite/);
    expect(stderr).toMatch(/train\.jsonl lines \d+, \d+/);
    expect(code).toBe(1);
  });
});

describe('models', () => {
  it.each([
    ['that is not there', () => path('none.onnx'), 'There is no model at'],
    ['in a directory without one', () => problem.directory, 'holds no model'],
    [
      'that is cut',
      () => {
        const whole = readFileSync(path('encoder/onnx/model.onnx'));
        writeFileSync(path('cut.onnx'), whole.subarray(0, whole.length / 2));
        return path('cut.onnx');
      },
      'damaged or cut',
    ],
    ['that is no model', () => write('text.onnx', 'hello'), 'is not an ONNX model'],
    [
      'that is quantised',
      () => {
        writeFileSync(path('quantised.onnx'), oneOperator('MatMulInteger'));
        return path('quantised.onnx');
      },
      'MatMulInteger',
    ],
    [
      'with an operator that is not known',
      () => {
        writeFileSync(path('unique.onnx'), oneOperator('Unique'));
        return path('unique.onnx');
      },
      "Unique (node 'odd')",
    ],
  ])('%s', async (_, file, message) => {
    const { code, stderr } = await ortune(['gradcheck', file()]);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(1);
  });
});
