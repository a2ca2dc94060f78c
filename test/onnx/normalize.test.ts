import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { float } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import {
  AttributeProtoSchema,
  type FunctionProto,
  FunctionProtoSchema,
  type ModelProto,
  type NodeProto,
} from '#ortune/onnx/onnx_pb.js';
import { temporaryDirectory } from '../support/temporary.js';
import { floats, initializer, linear, node, type Parts, run, value, writeModel } from './support.js';

const directory = temporaryDirectory();
const w = initializer('w', floats([1, 2, 3, 4, 5, 6], [2, 3]));
const b = initializer('b', floats([0.5, -1, 2]));
const feeds = { x: floats([1, 2, -3, 0.25], [2, 2]) };
const open = (proto: ModelProto) => openModel(writeModel(join(directory, 'model.onnx'), proto));
const graphOf = (nodes: NodeProto[], more: Partial<Parts> = {}) => toGraph(open(linear(w, b, { nodes, ...more })));

/** The normalised graph of the file computes what the file computes. */
async function sameNumbers(proto: ModelProto): Promise<ReturnType<typeof toGraph>> {
  const model = open(proto);
  const graph = toGraph(model);
  expect(await run(encodeGraph(graph), feeds)).toEqual(await run(model.path, feeds));
  return graph;
}

describe('local functions', () => {
  const refer = (name: string, to: string, type: number) =>
    create(AttributeProtoSchema, { name, refAttrName: to, type });
  const leaky = (more: Partial<FunctionProto> = {}): FunctionProto => {
    const relu = node('LeakyRelu', ['a'], ['inside'], {}, { name: 'relu' });
    relu.attribute.push(refer('alpha', 'slope', 1));
    return Object.assign(
      create(FunctionProtoSchema, {
        name: 'Leaky',
        domain: 'local',
        input: ['a', 'b'],
        output: ['c', 'inside'],
        attribute: ['slope'],
        node: [relu, node('Add', ['inside', 'b'], ['c'])],
        opsetImport: [{ domain: '', version: 17n }],
      }),
      more,
    );
  };
  const call = (inputs: string[], outputs: string[], attrs = {}) =>
    node('Leaky', inputs, outputs, attrs, { domain: 'local', name: outputs[0]! });
  const imports = {
    opsetImport: [
      { domain: '', version: 17n },
      { domain: 'local', version: 1n },
    ],
  };

  test('are inlined twice with their own values and the attributes of each call', async () => {
    const graph = await sameNumbers(
      linear(w, b, {
        nodes: [
          node('MatMul', ['x', 'w'], ['xw']),
          call(['xw', 'b'], ['h', 'unread'], { slope: float(0.5) }),
          call(['h', 'b'], ['g', 'r'], { slope: float(0.125) }),
          node('Add', ['g', 'r'], ['y']),
        ],
        more: { functions: [leaky()], ...imports },
      }),
    );
    expect(graph.nodes.map((n) => n.op)).toEqual(['MatMul', 'LeakyRelu', 'Add', 'LeakyRelu', 'Add', 'Add']);
    expect(graph.nodes.map((n) => n.name)).toContain('h/relu');
    expect(graph.nodes[1]!.outputs).toEqual(['unread']);
    expect(graph.nodes[3]!.outputs).toEqual(['r']);
  });

  test('take defaults for attributes that the call leaves out', async () => {
    const attributeProto = [create(AttributeProtoSchema, { name: 'slope', type: 1, f: 0.25 })];
    const graph = await sameNumbers(
      linear(w, b, {
        nodes: [node('MatMul', ['x', 'w'], ['xw']), call(['xw', 'b'], ['y', 'unread'])],
        more: { functions: [leaky({ attribute: [], attributeProto })], ...imports },
      }),
    );
    expect(graph.nodes[1]!.attrs.get('alpha')!.value).toBe(0.25);
  });

  test('leave an attribute without value and default to the operator', async () => {
    const graph = graphOf([node('MatMul', ['x', 'w'], ['xw']), call(['xw', 'b'], ['y'])], {
      more: { functions: [leaky()], ...imports },
    });
    expect(graph.nodes[1]!.attrs.size).toBe(0);
    expect(graph.nodes[1]!.outputs).toEqual(['y/inside']);
  });

  test('may call functions, pass inputs through and use an older opset', async () => {
    const outer = create(FunctionProtoSchema, {
      name: 'Outer',
      domain: 'local',
      input: ['p', 'q'],
      output: ['mean', 'p'],
      node: [
        call(['p', 'q'], ['t', 'unread'], { slope: float(2) }),
        node('ReduceMean', ['t'], ['mean'], { axes: [0], keepdims: 1 }),
      ],
      opsetImport: [
        { domain: '', version: 17n },
        { domain: 'local', version: 1n },
      ],
    });
    // The runtime cannot type an input that is passed through, so the expected numbers are computed by hand.
    const graph = graphOf(
      [
        node('MatMul', ['x', 'w'], ['xw']),
        node('Outer', ['xw', 'b'], ['m', 'same'], {}, { domain: 'local' }),
        node('Sub', ['same', 'm'], ['y']),
      ],
      { more: { functions: [leaky(), outer], ...imports } },
    );
    expect((await run(encodeGraph(graph), feeds)).y!.data).toEqual([6, 11.75, 13, -5, -5, -9.5]);
    expect(graph.nodes.map((n) => n.op)).toEqual(['MatMul', 'LeakyRelu', 'Add', 'ReduceMean', 'Sub']);
    expect(graph.nodes[3]!.inputs).toHaveLength(2);
  });

  test('that call themselves are refused', () => {
    const recursive = leaky({ node: [call(['a', 'b'], ['c', 'inside'])] });
    const model = open(
      linear(w, b, { nodes: [call(['x', 'b'], ['y'])], more: { functions: [recursive], ...imports } }),
    );
    expect(() => toGraph(model)).toThrow(/function 'local\.Leaky' calls itself/);
  });

  test('may leave optional inputs out', () => {
    const optional = create(FunctionProtoSchema, {
      name: 'Clamp',
      domain: 'local',
      input: ['a', 'low'],
      output: ['c'],
      node: [node('Clip', ['a', 'low'], ['c'])],
    });
    const graph = graphOf([node('Clamp', ['x'], ['y'], {}, { domain: 'local' })], { more: { functions: [optional] } });
    expect(graph.nodes[0]!.inputs).toEqual(['x', '']);
  });

  test('written for an opset that is not converted are refused', () => {
    const old = leaky({ opsetImport: [{ $typeName: 'onnx.OperatorSetIdProto', domain: '', version: 6n }] });
    const model = open(linear(w, b, { nodes: [call(['x', 'b'], ['y'])], more: { functions: [old], ...imports } }));
    expect(() => toGraph(model)).toThrow(/function 'local\.Leaky' of .* uses opset 6; expected 7 to 25/);
  });
});

describe('Identity nodes', () => {
  test('between nodes and behind initializers go', async () => {
    const graph = await sameNumbers(
      linear(w, b, {
        nodes: [
          node('Identity', ['w'], ['tied']),
          node('Identity', ['tied'], ['tied2']),
          node('MatMul', ['x', 'tied2'], ['xw']),
          node('Identity', ['xw'], ['same']),
          node('Add', ['same', 'b'], ['y']),
        ],
      }),
    );
    expect(graph.nodes.map((n) => [n.op, ...n.inputs])).toEqual([
      ['MatMul', 'x', 'w'],
      ['Add', 'xw', 'b'],
    ]);
  });

  test('before an output give it their producer, and every reader follows', async () => {
    const graph = await sameNumbers(
      linear(w, b, {
        nodes: [
          node('MatMul', ['x', 'w'], ['xw']),
          node('Identity', ['xw'], ['alias']),
          node('Relu', ['xw'], ['early']),
          node('Identity', ['xw'], ['y']),
          node('Add', ['alias', 'xw'], ['late']),
          node('Add', ['early', 'late'], ['z']),
        ],
        outputs: [value('y', 'float32', ['rows', 3]), value('z', 'float32', ['rows', 3])],
      }),
    );
    expect(graph.nodes.map((n) => [n.op, ...n.inputs])).toEqual([
      ['MatMul', 'x', 'w'],
      ['Relu', 'y'],
      ['Add', 'y', 'y'],
      ['Add', 'early', 'late'],
    ]);
  });

  test('stay where an output is an input, an initializer or another output', async () => {
    const graph = await sameNumbers(
      linear(w, b, {
        nodes: [
          node('Identity', ['x'], ['copy']),
          node('Identity', ['b'], ['bias']),
          node('Relu', ['x'], ['r']),
          node('Identity', ['r'], ['r2']),
        ],
        outputs: ['copy', 'bias', 'r', 'r2'].map((n) => value(n, 'float32', undefined)),
      }),
    );
    expect(graph.nodes.map((n) => n.op)).toEqual(['Identity', 'Identity', 'Relu', 'Identity']);
  });
});

describe('names and order', () => {
  test('every node has a name of its own', () => {
    const graph = graphOf([
      node('MatMul', ['x', 'w'], ['xw'], {}, { name: 'same' }),
      node('Add', ['xw', 'b'], ['u'], {}, { name: 'same' }),
      node('Relu', ['u'], ['v']),
      node('Neg', ['v'], ['y'], {}, { name: 'Relu_2' }),
    ]);
    expect(graph.nodes.map((n) => n.name)).toEqual(['same', 'same_1', 'Relu_2', 'Relu_2_1']);
  });

  test('nodes in any order are sorted, ordered files stay as they are', () => {
    const [a, c, d] = [
      node('MatMul', ['x', 'w'], ['xw']),
      node('Relu', ['xw'], ['r']),
      node('Add', ['r', 'xw'], ['y']),
    ];
    for (const nodes of [
      [a, c, d],
      [d, c, a],
      [c, a, d],
    ])
      expect(graphOf(nodes).nodes.map((n) => n.op)).toEqual(['MatMul', 'Relu', 'Add']);
  });

  test('a chain of 20,000 nodes needs no deep stack', () => {
    const chain = Array.from({ length: 20_000 }, (_, i) =>
      node('Neg', [i ? `v${i}` : 'x'], [i === 19_999 ? 'y' : `v${i + 1}`]),
    );
    expect(graphOf(chain.reverse()).nodes).toHaveLength(20_000);
  });

  test('dead nodes and initializers are dropped', () => {
    const graph = graphOf([node('Relu', ['x'], ['y']), node('MatMul', ['x', 'w'], ['unused'])]);
    expect(graph.nodes.map((n) => n.op)).toEqual(['Relu']);
    expect([...graph.initializers.keys()]).toEqual([]);
  });
});
