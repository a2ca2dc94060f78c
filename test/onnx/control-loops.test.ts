// Loops, Scans and sequences: written out where shapes and constants decide, else refused by name. Values are compared
// with the stock runtime's over the file itself, gradients with central differences.

import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { type Became, controlNotes, judgeGraph } from '#ortune/onnx/nominal.js';
import type { NodeProto } from '#ortune/onnx/onnx_pb.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { temporaryDirectory } from '../support/temporary.js';
import { agrees, branch, constant, control, int, random, writeControl, yes } from './control-files.js';
import { floats, initializer, node, type Parts, value } from './support.js';

const root = temporaryDirectory('loops');
let file: string;
beforeEach((context) => {
  file = join(root, `${context.task.id}.onnx`);
});
const w = random(1, 3, 3);
const written = (nodes: NodeProto[], more: Partial<Parts> = {}): string => writeControl(file, nodes, more);

describe('Loop', () => {
  /** h ← tanh(h·w + b), b inside the body, gathering each h; the body may say when to stop. */
  const recurrent = (count: string, stop: NodeProto[] = [node('Identity', ['going'], ['more'])]): NodeProto[] => [
    constant('yes', yes),
    control('Loop', [count, 'yes', 'x'], ['last', 'all'], {
      body: {
        node: [
          ...stop,
          node('MatMul', ['h', 'w'], ['hw']),
          node('Add', ['hw', 'b'], ['hb']),
          node('Tanh', ['hb'], ['next']),
          node('Identity', ['next'], ['copy']),
        ],
        initializer: [initializer('b', random(6, 3))],
        input: [value('i', 'int64', []), value('going', 'bool', []), value('h', 'float32', undefined)],
        output: [value('more', 'bool', []), value('next', 'float32', undefined), value('copy', 'float32', undefined)],
      },
    }),
    node('ReduceSum', ['all'], ['sum'], { keepdims: 0 }),
    node('Add', ['last', 'sum'], ['y']),
  ];
  const three = { initializers: [initializer('w', w), initializer('three', int(3))] };

  test('of a constant count is written out, and the weight in its body is one', async () => {
    expect(await agrees(written(recurrent('three'), three), { x: random(7, 2, 3) }, ['b', 'w'])).toEqual([
      'Loop the-Loop: 3 iterations',
    ]);
  });

  test('is noted before a run, and so is a branch on data', () => {
    const graph = toGraph(openModel(written(recurrent('three'), three)));
    const became: Became = new Map();
    expect(judgeGraph(graph, became)).toBeUndefined();
    expect(controlNotes(graph, became)).toEqual([
      "Loop 'the-Loop' is written out for the shapes of each batch: 3 iterations for the smallest input",
    ]);
    expect(controlNotes(graph, new Map([[{ op: 'If', name: 'a' }, 'both branches']]))).toEqual([
      expect.stringMatching(/^If 'a' is decided by the data: both of its branches are computed/),
    ]);
  });

  test('that stops by a condition on its own count ends there', async () => {
    const stop = [constant('one', int(1)), node('Less', ['i', 'one'], ['more'])];
    expect(await agrees(written(recurrent('', stop)), { x: random(7, 2, 3) }, ['b', 'w'])).toEqual([
      'Loop the-Loop: 2 iterations',
    ]);
  });

  test('with a branch on the iteration takes it in each by itself', async () => {
    const body = {
      node: [
        constant('one', int(1)),
        node('Equal', ['i', 'one'], ['second']),
        control('If', ['second'], ['next'], {
          then_branch: branch([node('MatMul', ['h', 'w'], ['t'])], 't'),
          else_branch: branch([node('Sin', ['h'], ['t'])], 't'),
        }),
        node('Identity', ['going'], ['more']),
      ],
      input: [value('i', 'int64', []), value('going', 'bool', []), value('h', 'float32', undefined)],
      output: [value('more', 'bool', []), value('next', 'float32', undefined)],
    };
    const nodes = [constant('yes', yes), control('Loop', ['three', 'yes', 'x'], ['y'], { body })];
    const became = await agrees(written(nodes, three), { x: random(7, 2, 3) }, ['w']);
    expect(became).toEqual([
      'If the-If: else_branch',
      'If the-If: then_branch',
      'If the-If: else_branch',
      'Loop the-Loop: 3 iterations',
    ]);
  });

  test('of a count that depends on the data is refused by name, by inspect too', async () => {
    const count = [node('ReduceSum', ['x'], ['total'], { keepdims: 0 }), node('Cast', ['total'], ['count'], { to: 7 })];
    const path = written([...count, ...recurrent('count')]);
    expect(() => specialize(toGraph(openModel(path)), { x: [2, 3] })).toThrow(
      /node 'the-Loop' \(Loop\): its trip count depends on the data; only a count that follows from shapes and constants/,
    );
    expect(await inspectModel(path)).toMatchObject({
      shapeProblem: expect.stringMatching(/its trip count depends on the data/),
      undifferentiable: [{ op: 'Loop', node: 'the-Loop' }],
      control: [],
    });
  });

  test('of more iterations than the budget holds is refused', () => {
    const many = { initializers: [initializer('w', w), initializer('three', int(10 ** 9))] };
    const model = openModel(written(recurrent('three'), many), 2 ** 24);
    expect(() => specialize(toGraph(model), { x: [2, 3] })).toThrow(
      /node 'the-Loop' \(Loop\): its iterations, written out, have more than \d+ nodes/,
    );
  });
});

test('Scan walks along the axes and in the directions that it says', async () => {
  const body = {
    node: [node('MatMul', ['h', 'w'], ['hw']), node('Add', ['hw', 'e'], ['n']), node('Tanh', ['n'], ['out'])],
    input: [value('h', 'float32', [3]), value('e', 'float32', [3])],
    output: [value('n', 'float32', [3]), value('out', 'float32', [3])],
  };
  const attrs = {
    num_scan_inputs: 1,
    scan_input_axes: [0],
    scan_input_directions: [1],
    scan_output_axes: [1],
    scan_output_directions: [1],
  };
  const nodes = [constant('zeros', floats([0, 0, 0])), control('Scan', ['zeros', 'x'], ['last', 'y'], { body }, attrs)];
  expect(await agrees(written(nodes), { x: random(8, 4, 3) }, ['w'])).toEqual(['Scan the-Scan: 4 iterations']);
});

test('sequences and optionals fold away', async () => {
  const nodes = [
    node('MatMul', ['x', 'w'], ['h']),
    constant('two', int(2)),
    constant('last', int(-1)),
    constant('first', int(0)),
    node('SplitToSequence', ['h', 'two'], ['parts'], { axis: 0 }),
    node('SequenceAt', ['parts', 'last'], ['end']),
    node('Sin', ['end'], ['sin']),
    node('SequenceInsert', ['parts', 'sin', 'first'], ['more']),
    node('SequenceErase', ['more', 'last'], ['fewer']),
    node('SequenceConstruct', ['sin', 'sin'], ['twice']),
    node('ConcatFromSequence', ['fewer'], ['one'], { axis: 0 }),
    node('ConcatFromSequence', ['twice'], ['stack'], { axis: 0, new_axis: 1 }),
    node('SequenceLength', ['fewer'], ['length']),
    node('Cast', ['length'], ['n'], { to: 1 }),
    node('ReduceSum', ['stack'], ['sum'], { keepdims: 0 }),
    node('Mul', ['one', 'n'], ['scaled']),
    node('Optional', ['scaled'], ['maybe']),
    node('OptionalGetElement', ['maybe'], ['got']),
    node('Add', ['got', 'sum'], ['y']),
  ];
  await agrees(written(nodes), { x: random(9, 5, 3) }, ['w']);
  const graph = specialize(toGraph(openModel(file)), { x: [5, 3] });
  expect(graph.nodes.filter(({ op }) => /Sequence|Optional/.test(op))).toEqual([]);
});
