// Control flow: what shapes and constants decide is resolved or written out, what data decide gets gradients through
// both branches or is refused by name. Values are compared with the stock runtime's over the file itself, gradients
// with central differences, and what is saved has its sub-graphs still.

import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { gradcheckModel } from '#ortune/commands/gradcheck.js';
import { inspectModel } from '#ortune/commands/inspect.js';
import { restored } from '#ortune/compile/compile.js';
import { Builder } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import type { NodeProto } from '#ortune/onnx/onnx_pb.js';
import { fileTensors, saveModel } from '#ortune/onnx/save.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { temporaryDirectory } from '../support/temporary.js';
import {
  agrees,
  branch,
  constant,
  control,
  int,
  ints,
  mergedDecoder,
  random,
  writeControl,
  yes,
} from './control-files.js';
import { floats, initializer, node, type Parts, run, value, writeModel } from './support.js';

const root = temporaryDirectory('control');
let file: string;
beforeEach((context) => {
  file = join(root, `${context.task.id}.onnx`);
});
const w = random(1, 3, 3);
const written = (nodes: NodeProto[], more: Partial<Parts> = {}): string => writeControl(file, nodes, more);

describe('If', () => {
  /** Then squeezes an axis, which only one row allows; both call what they compute by the same names. */
  const onRows = (): NodeProto[] => [
    node('MatMul', ['x', 'w'], ['h']),
    node('Shape', ['x'], ['s']),
    constant('zero', int(0)),
    node('Gather', ['s', 'zero'], ['rows']),
    constant('one', int(1)),
    node('Equal', ['rows', 'one'], ['single']),
    control('If', ['single'], ['z'], {
      then_branch: branch(
        [constant('axis', ints([0])), node('Squeeze', ['h', 'axis'], ['t']), node('Mul', ['t', 'v'], ['r'])],
        'r',
        { initializer: [initializer('v', random(2, 3))] },
      ),
      else_branch: branch(
        [
          constant('v', random(3, 3)),
          constant('axis', ints([0])),
          node('Add', ['h', 'v'], ['t']),
          node('ReduceMean', ['t'], ['r'], { axes: [0], keepdims: 0 }),
        ],
        'r',
      ),
    }),
    node('Tanh', ['z'], ['y']),
  ];

  test('on shapes takes the branch that would run, and trains what stands in it', async () => {
    const path = written(onRows());
    // The weight of the branch that does not run trains too, with a gradient of 0 for these shapes.
    const both = ['v', 'v_1', 'w'];
    expect(await agrees(path, { x: random(4, 1, 3) }, both)).toEqual(['If the-If: then_branch']);
    expect(await agrees(path, { x: random(4, 4, 3) }, both)).toEqual(['If the-If: else_branch']);
    expect(await inspectModel(path)).toMatchObject({
      control: [{ op: 'If', node: 'the-If', becomes: 'then_branch' }],
      undifferentiable: [],
      operators: { If: 1, Constant: 5, ReduceMean: 1 },
    });
  });

  test('gives a weight of the branch that does not run a gradient of zeros', () => {
    const trained = new Set(['v', 'v_1', 'w']);
    const graph = restored(toGraph(openModel(written(onRows()))), { x: [1, 3] }, trained);
    const b = new Builder(graph);
    const gradients = backward(b, 'y', [...trained]);
    expect(graph.initializers.has('v_1')).toBe(false);
    expect([...gradients.keys()]).toEqual(['v', 'v_1', 'w']);
    expect(b.shape(gradients.get('v_1')!)).toEqual([3]);
  });

  test('is saved as it was, with the weights of both branches under names of their own', async () => {
    const model = openModel(written(onRows()));
    expect([...fileTensors(model)].filter(([, { dtype }]) => dtype === 'float32').map(([name]) => name)).toEqual([
      'w',
      'v',
      'v_1',
    ]);
    const target = join(root, 'saved.onnx');
    saveModel(
      model,
      target,
      new Map([
        ['v', floats([1, 2, 3])],
        ['v_1', floats([4, 5, 6])],
      ]),
    );
    const saved = openModel(target);
    const [then, otherwise] = saved.proto
      .graph!.node.find(({ opType }) => opType === 'If')!
      .attribute.map(({ g }) => g!);
    expect(then!.initializer.map(({ name }) => name)).toEqual(['v']);
    expect(otherwise!.node[0]!.output).toEqual(['v']);
    const graph = toGraph(saved);
    expect(graph.initializers.get('v')!.numbers()).toEqual([1, 2, 3]);
    expect(graph.initializers.get('v_1')!.numbers()).toEqual([4, 5, 6]);
    const feeds = { x: random(4, 1, 3) };
    const [a, b] = [await run(target, feeds), await run(encodeGraph(specialize(graph, { x: [1, 3] })), feeds)];
    expect([...b.y!.data]).toEqual([...a.y!.data]);
  });

  /** On the sign of the sum of x: then takes a logarithm that is infinite at the x of the other branch. */
  const onData = (other: NodeProto[], gives: string): NodeProto[] => [
    node('ReduceSum', ['x'], ['sum'], { keepdims: 0 }),
    constant('zero', Tensor.scalar('float32', 0)),
    node('Greater', ['sum', 'zero'], ['positive']),
    node('MatMul', ['x', 'w'], ['h']),
    node('Relu', ['h'], ['cut']),
    control('If', ['positive'], ['y'], {
      then_branch: branch([node('Log', ['cut'], ['l']), node('Exp', ['l'], ['t'])], 't'),
      else_branch: branch(other, gives),
    }),
  ];

  test('on data computes both branches, and what does not run spoils no gradient', async () => {
    const path = written(onData([node('Sin', ['h'], ['u'])], 'u'));
    const graph = specialize(toGraph(openModel(path)), { x: [2, 3] }, { trainable: new Set(['w']) });
    for (const sign of [1, -1]) {
      const feeds = {
        x: floats(
          [1, 2, 3, 0.5, 1, 1].map((v) => sign * v),
          [2, 3],
        ),
      };
      const [expected, found] = [await run(path, feeds), await run(encodeGraph(graph), feeds)];
      for (const [i, v] of expected.y!.data.entries()) expect(found.y!.data[i]).toBeCloseTo(v, 5);
    }
    // Every sum of these inputs is negative: Log of what Relu cut to 0 is never computed.
    const checked = await gradcheckModel(path, { input: ['x=2x3:-1..-0.1'] });
    expect(checked).toMatchObject({ checked: 1, failed: 0 });
    expect((await gradcheckModel(path, { input: ['x=2x3:0.1..1'] })).checked).toBe(1);
    expect((await inspectModel(path)).control).toEqual([{ op: 'If', node: 'the-If', becomes: 'both branches' }]);
  });

  test('on data whose branches differ in shape is refused by name', () => {
    const path = written(onData([node('ReduceMean', ['h'], ['u'])], 'u'));
    expect(() => specialize(toGraph(openModel(path)), { x: [2, 3] })).toThrow(
      /node 'the-If' \(If\): its condition depends on the data, and its branches give float32 \[2, 3\] and float32 \[1, 1\]/,
    );
  });

  test('on data takes no statistics of a batch for a branch that may not run', () => {
    const names = ['scale', 'bias', 'mean', 'var'];
    const path = written(onData([node('BatchNormalization', ['h', ...names], ['u'], {}, { name: 'norm' })], 'u'), {
      initializers: [initializer('w', w), ...names.map((name) => initializer(name, floats([1, 2, 3])))],
    });
    const specialized = (trainable: string[]) =>
      specialize(toGraph(openModel(path)), { x: [2, 3] }, { trainable: new Set(trainable) });
    expect(() => specialized(['w', 'mean', 'var'])).toThrow(
      /'norm' \(BatchNormalization\) stands in a branch that data decide/,
    );
    expect(specialized(['w', 'scale', 'bias']).nodes.filter(({ op }) => op === 'BatchNormalization')).toHaveLength(1);
  });

  test('in hundreds of others is refused', () => {
    let inner = branch([node('Relu', ['x'], ['t'])], 't');
    for (let i = 0; i < 300; i++)
      inner = branch(
        [control('If', ['on'], ['t'], { then_branch: inner, else_branch: branch([constant('e', w)], 'e') })],
        't',
      );
    const path = written(inner.node as NodeProto[], {
      initializers: [initializer('w', w), initializer('on', yes)],
      outputs: [value('t', 'float32', undefined)],
    });
    expect(() => openModel(path)).toThrow(/\(If\): its sub-graph stands in more than 64 others|is not an ONNX model/);
  });

  test('in a local function sees the values of its call', async () => {
    const body = {
      name: 'F',
      domain: 'local',
      input: ['a', 'b'],
      output: ['c'],
      opsetImport: [{ domain: '', version: 17n }],
      node: [
        constant('on', yes),
        node('MatMul', ['a', 'b'], ['h']),
        control('If', ['on'], ['c'], {
          then_branch: branch([node('Tanh', ['h'], ['t'])], 't'),
          else_branch: branch([node('Neg', ['h'], ['t'])], 't'),
        }),
      ],
    };
    const call = (x: string, y: string) => node('F', [x, 'w'], [y], {}, { domain: 'local' });
    const opsets = ['', 'local'].map((domain) => ({ domain, version: 17n }));
    const path = written([call('x', 'm'), call('m', 'y')], { more: { functions: [body], opsetImport: opsets } });
    const became = await agrees(path, { x: random(5, 2, 3) }, ['w']);
    expect(became).toEqual(Array(2).fill(expect.stringMatching(/: then_branch$/)));
  });
});

test('the input of a merged decoder is bound, and what only its cache needs is no input', async () => {
  const path = writeModel(file, mergedDecoder());
  expect(await inspectModel(path)).toMatchObject({
    inputs: [{ name: 'x' }],
    bound: { use_cache_branch: 0 },
    control: [{ op: 'If', node: 'the-If', becomes: 'else_branch' }],
    parameters: { trainable: 16 + 12 + 4 },
    operators: { If: 1, MatMul: 4 },
  });
  const checked = await gradcheckModel(path, { input: ['x=2x3x4'] });
  expect(checked).toMatchObject({ checked: 3, failed: 0 });
});

describe('bind', () => {
  test('chooses the branch of a merged decoder that goes on from a cache', async () => {
    const path = writeModel(file, mergedDecoder());
    expect(await inspectModel(path, { bind: 'use_cache_branch=true' })).toMatchObject({
      inputs: [{ name: 'x' }, { name: 'past' }],
      bound: { use_cache_branch: 1 },
      control: [{ op: 'If', node: 'the-If', becomes: 'then_branch' }],
      parameters: { trainable: 16 + 12 },
    });
    const options = { bind: ['use_cache_branch=true'], input: ['x=2x3x4', 'past=2x5x4'] };
    expect(await gradcheckModel(path, options)).toMatchObject({ checked: 2, failed: 0 });
  });

  test.each([
    ['past', /bind: expected NAME=VALUE with a number, true or false, found 'past'/],
    ['use_cache_branch=', /found 'use_cache_branch='/],
    ['cache=1', /bind: the model has no input 'cache'; its inputs are 'x', 'past', 'use_cache_branch'/],
    ['use_cache_branch=2', /bind: input 'use_cache_branch' is bool, which cannot be 2/],
  ])('refuses %s', async (bind, message) => {
    await expect(inspectModel(writeModel(file, mergedDecoder()), { bind })).rejects.toThrow(message);
  });

  test('refuses an input that is there twice', async () => {
    const bind = ['past=0', 'past=1'];
    await expect(inspectModel(writeModel(file, mergedDecoder()), { bind })).rejects.toThrow(/'past' is there twice/);
  });

  test('decides by a comparison, even between branches that differ in shape', async () => {
    const nodes = [
      constant('wide', int(16_000)),
      node('Equal', ['rate', 'wide'], ['is_wide']),
      control('If', ['is_wide'], ['y'], {
        then_branch: branch([node('MatMul', ['x', 'w'], ['t'])], 't'),
        else_branch: branch([node('MatMul', ['x', 'narrow'], ['n']), node('ReduceMean', ['n'], ['t'])], 't', {
          initializer: [initializer('narrow', random(11, 3, 5))],
        }),
      }),
    ];
    const inputs = [value('x', 'float32', ['rows', 3]), value('rate', 'int64', [])];
    const path = written(nodes, { inputs });
    expect((await inspectModel(path)).shapeProblem).toMatch(/its condition depends on the data, .*bind the input/);
    const { tensors, control: became } = await inspectModel(path, { bind: 'rate=16000' });
    expect(became).toEqual([{ op: 'If', node: 'the-If', becomes: 'then_branch' }]);
    expect(tensors.map(({ name, trained }) => [name, trained])).toEqual([
      ['w', true],
      ['narrow', false],
    ]);
    const options = { bind: 'rate=16000', input: 'x=2x3' };
    expect(await gradcheckModel(path, options)).toMatchObject({ checked: 1, failed: 0 });
  });
});
