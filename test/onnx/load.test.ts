import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { create, fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { onnxDataType } from '#ortune/onnx/dtype.js';
import { concat, encodeGraph, modelPieces } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { ModelProtoSchema, type TensorProto, TensorProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { temporaryDirectory } from '../support/temporary.js';
import { floats, initializer, linear, modelProto, node, run, value, writeModel } from './support.js';

const directory = temporaryDirectory();
const w = initializer('w', floats([1, 2, 3, 4, 5, 6], [2, 3]));
const b = initializer('b', floats([0.5, -1, 2]));
const bytes = concat(modelPieces(linear(w, b)));
const feeds = { x: floats([1, 2, -3, 0.25], [2, 2]) };
let count = 0;
const place = (): string => join(directory, `${count++}.onnx`);
const open = (...parts: Parameters<typeof linear>) => openModel(writeModel(place(), linear(...parts)));

describe('where a model is found', () => {
  test('a transformers.js directory, a directory with model.onnx, and a file', () => {
    const root = join(directory, 'transformersjs');
    mkdirSync(join(root, 'onnx'), { recursive: true });
    writeFileSync(join(root, 'onnx', 'model.onnx'), bytes);
    expect(openModel(root)).toMatchObject({ path: join(root, 'onnx', 'model.onnx'), directory: root });
    expect(openModel(join(root, 'onnx', 'model.onnx')).directory).toBe(root);
    const flat = join(directory, 'flat');
    mkdirSync(flat);
    writeFileSync(join(flat, 'model.onnx'), bytes);
    expect(openModel(flat)).toMatchObject({ path: join(flat, 'model.onnx'), directory: flat });
  });

  test('a missing path and an empty directory are told apart', () => {
    expect(() => openModel(join(directory, 'nowhere'))).toThrow(/There is no model at .*nowhere/);
    mkdirSync(join(directory, 'empty'));
    expect(() => openModel(join(directory, 'empty'))).toThrow(/neither onnx\/model.onnx nor model.onnx/);
  });

  test('a file that cannot be read', async () => {
    const socket = join(directory, 'socket.onnx');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    expect(() => openModel(socket)).toThrow(/cannot be read: it is a socket, not a file/);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('damaged files', () => {
  test('a file that ends with its graph and is cut anywhere is refused, never half a model', () => {
    const file = place();
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(file, bytes.subarray(0, length));
      expect(() => openModel(file), `cut at ${length} of ${bytes.length}`).toThrow(ModelError);
    }
    writeFileSync(file, bytes);
    openModel(file);
  });

  test.each([
    ['text', 'not a model at all', /is not an ONNX model, or it is damaged or cut \(18 bytes\)/],
    ['Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0', /Git LFS pointer/],
    ["ONNX Runtime's format", '\x1c\0\0\0ORTM\0\0\0\0', /own format \(\.ort\)/],
  ])('%s', (_, content, message) => {
    const file = place();
    writeFileSync(file, content, 'latin1');
    expect(() => openModel(file)).toThrow(message);
  });

  test('a file of 2 GiB and more', () => {
    const file = place();
    const fd = openSync(file, 'w');
    ftruncateSync(fd, 2 ** 31);
    closeSync(fd);
    expect(() => openModel(file)).toThrow(/larger than 2 GiB.*external data/);
    rmSync(file);
  });

  test.each<[string, Partial<TensorProto>, RegExp]>([
    ['too few bytes', { rawData: new Uint8Array(8) }, /'w' .* takes 24 bytes, the file holds 8/],
    ['a negative dimension', { dims: [-2n, 3n] }, /impossible shape \[-2,3\]/],
    ['too many elements', { dims: [2n ** 40n, 2n ** 40n] }, /impossible shape/],
    ['strings', { dataType: 8 }, /element type string/],
    ['complex numbers', { dataType: 14 }, /element type complex64/],
    ['more bytes than its four-bit integers take', { dataType: 22 }, /int4 \[2,3\] takes 3 bytes, the file holds 24/],
    ['four-bit floats', { dataType: 23 }, /element type float4e2m1/],
    ['an unknown type', { dataType: 99 }, /element type 99/],
  ])('an initializer with %s', (_, change, message) => {
    expect(() => open(Object.assign(create(TensorProtoSchema), w, change), b)).toThrow(message);
  });

  test('two initializers of one name', () => {
    expect(() => open(w, b, { initializers: [w, b, w] })).toThrow(/two initializers named 'w'/);
  });

  test.each([
    ['reads what nothing computes', [node('Add', ['x', 'ghost'], ['y'])], /reads 'ghost', which nothing computes/],
    ['computes a value twice', [node('Relu', ['x'], ['y']), node('Neg', ['x'], ['y'])], /'y' is computed twice/],
    [
      'has a cycle',
      [
        node('Add', ['x', 'u'], ['v'], {}, { name: 'loop' }),
        node('Add', ['v', 'x'], ['u']),
        node('Relu', ['v'], ['y']),
      ],
      /'loop' depends on its own output/,
    ],
    ['computes no output', [node('Relu', ['x'], ['z'])], /nothing computes the output 'y'/],
  ])('a graph that %s', (_, nodes, message) => {
    const model = open(w, b, { nodes });
    expect(() => toGraph(model)).toThrow(message);
  });

  test('inputs and outputs that are not tensors', () => {
    const sequence = { name: 'x', type: { value: { case: 'sequenceType' as const, value: {} } } };
    expect(() => toGraph(open(w, b, { inputs: [sequence] }))).toThrow(/input 'x' .* is a sequence; expected a tensor/);
    expect(() => toGraph(open(w, b, { outputs: [{ name: 'y' }] }))).toThrow(/output 'y' .* without a type/);
  });
});

describe('tensors however stored', () => {
  const stored = (dtype: DataType, dims: number[], fields: Partial<TensorProto>): TensorProto =>
    Object.assign(
      create(TensorProtoSchema),
      { name: 't', dataType: onnxDataType(dtype), dims: dims.map(BigInt) },
      fields,
    );
  const read = (tensor: TensorProto): Tensor => {
    const model = openModel(
      writeModel(place(), modelProto({ nodes: [], initializers: [tensor], outputs: [value('t', 'float32', [])] })),
    );
    return toGraph(model).initializers.get('t')!;
  };

  test.each<[DataType, Partial<TensorProto>, (number | bigint)[]]>([
    ['float32', { floatData: [1.5, -2] }, [1.5, -2]],
    ['float64', { doubleData: [1e-300, 2] }, [1e-300, 2]],
    ['int64', { int64Data: [-1n, 2n ** 62n] }, [-1n, 2n ** 62n]],
    ['int32', { int32Data: [-5, 7] }, [-5, 7]],
    ['int16', { int32Data: [-5, 7] }, [-5, 7]],
    ['int8', { int32Data: [-128, 127] }, [-128, 127]],
    ['uint8', { int32Data: [255, 0] }, [255, 0]],
    ['uint16', { int32Data: [65535, 1] }, [65535, 1]],
    ['uint32', { uint64Data: [4294967295n, 1n] }, [4294967295, 1]],
    ['uint64', { uint64Data: [2n ** 63n, 1n] }, [2n ** 63n, 1n]],
    ['bool', { int32Data: [1, 0] }, [1, 0]],
    ['float16', { int32Data: [0x3e00, 0xc000] }, [0x3e00, 0xc000]],
    ['bfloat16', { int32Data: [0x3fc0, 0xc000] }, [0x3fc0, 0xc000]],
  ])('%s in its typed field and in raw data', (dtype, fields, expected) => {
    const typed = read(stored(dtype, [2], fields));
    expect(typed.dtype).toBe(dtype);
    expect(Array.from(typed.data() as ArrayLike<number | bigint>)).toEqual(expected);
    const raw = read(stored(dtype, [2], { rawData: typed.bytes().slice() as Uint8Array<ArrayBuffer> }));
    expect(raw.data()).toEqual(typed.data());
  });

  test('scalars and empty tensors', () => {
    expect(read(stored('float32', [], { floatData: [3] }))).toMatchObject({ shape: [], size: 1 });
    expect(read(stored('float32', [0, 4], {}))).toMatchObject({ shape: [0, 4], size: 0 });
  });

  test.each<[string, Parameters<typeof node>[3], DataType, number[], number[]]>([
    ['value', { value: floats([1, 2], [2, 1]) }, 'float32', [2, 1], [1, 2]],
    ['value_float', { value_float: { kind: 'float', value: 2.5 } }, 'float32', [], [2.5]],
    ['value_floats', { value_floats: { kind: 'floats', value: [2.5, 1] } }, 'float32', [2], [2.5, 1]],
    ['value_int', { value_int: 7 }, 'int64', [], [7]],
    ['value_ints', { value_ints: [7, -1] }, 'int64', [2], [7, -1]],
  ])('a Constant node with %s becomes an initializer', (_, attrs, dtype, shape, values) => {
    const proto = modelProto({ nodes: [node('Constant', [], ['t'], attrs)], outputs: [value('t', dtype, shape)] });
    const graph = toGraph(openModel(writeModel(place(), proto)));
    expect(graph.nodes).toEqual([]);
    expect(graph.initializers.get('t')).toMatchObject({ dtype, shape });
    expect(graph.initializers.get('t')!.numbers()).toEqual(values);
  });

  test('a Constant node of strings is refused', () => {
    const proto = modelProto({
      nodes: [node('Constant', [], ['t'], { value_string: 'a' })],
      outputs: [value('t', 'float32', [])],
    });
    const model = openModel(writeModel(place(), proto));
    expect(() => toGraph(model)).toThrow(/Constant node that computes 't' .* has value_string; expected a tensor/);
  });
});

describe('the graph', () => {
  test('keeps symbolic, fixed and unknown dimensions, and unknown ranks', () => {
    const graph = toGraph(
      open(w, b, { inputs: [value('x', 'float32', ['rows', 2, null]), value('any', 'int64', undefined)] }),
    );
    expect(graph.inputs).toEqual([
      { name: 'x', dtype: 'float32', shape: ['rows', 2, null] },
      { name: 'any', dtype: 'int64', shape: undefined },
    ]);
  });

  test('inputs that have an initializer are initializers', () => {
    const graph = toGraph(open(w, b, { inputs: [value('x', 'float32', ['rows', 2]), value('w', 'float32', [2, 3])] }));
    expect(graph.inputs.map((v) => v.name)).toEqual(['x']);
  });

  test('encodes to the same numbers, integers beyond 2^53 and every kind of attribute included', async () => {
    const nodes = [
      node('MatMul', ['x', 'w'], ['xw']),
      node('Slice', ['xw', 'from', 'to', 'axes'], ['part']),
      node('Concat', ['part', 'part'], ['twice'], { axis: 1 }),
      node('Transpose', ['twice'], ['turned'], { perm: [1, 0] }),
      node('LeakyRelu', ['turned'], ['y'], { alpha: { kind: 'float', value: 0.1 } }),
    ];
    const limit = initializer('to', Tensor.of('int64', [2n ** 63n - 1n]));
    const model = open(w, b, {
      nodes,
      initializers: [
        w,
        limit,
        initializer('from', Tensor.of('int64', [1])),
        initializer('axes', Tensor.of('int64', [1])),
      ],
      outputs: [value('y', 'float32', [4, 'rows'])],
    });
    expect(await run(encodeGraph(toGraph(model)), feeds)).toEqual(await run(model.path, feeds));
  });

  test('attributes survive decoding and encoding', () => {
    const attrs = {
      far: { kind: 'int' as const, value: 2n ** 60n },
      fars: { kind: 'ints' as const, value: [2n ** 60n, 1n] },
      words: ['a', 'ü'],
      floats: { kind: 'floats' as const, value: [0.5, 2] },
      tensor: floats([1, 2]),
      word: 'größe',
    };
    const model = open(w, b, { nodes: [node('Thing', ['x'], ['y'], attrs, { domain: 'com.example' })] });
    const file = place();
    writeFileSync(file, encodeGraph(toGraph(model)));
    const again = toGraph(openModel(file)).nodes[0]!;
    expect(again.attrs).toEqual(toGraph(model).nodes[0]!.attrs);
    expect(again.attrs.get('far')!.value).toBe(2n ** 60n);
    expect(again.attrs.get('fars')!.value).toEqual([2n ** 60n, 1n]);
    expect(again.attrs.get('word')!.value).toBe('größe');
  });

  test("static types are written for what operators outside of ONNX's own compute", () => {
    const graph = toGraph(
      open(w, b, {
        nodes: [node('Add', ['x', 'x'], ['dx']), node('Neg', ['dx'], ['n']), node('Neg', ['n'], ['y'])],
      }),
    );
    // No file has them; training graphs do.
    Object.assign(graph.nodes[0]!, { op: 'GeluGrad', domain: 'ortune' });
    for (const name of ['dx', 'n', 'y']) graph.types.set(name, { dtype: 'float32', shape: [2, 2] });
    const known = fromBinary(ModelProtoSchema, encodeGraph(graph)).graph!.valueInfo;
    expect(known.map((v) => v.name)).toEqual(['dx']);
    expect(known[0]!.type!.value.value).toMatchObject({ elemType: 1, shape: { dim: [{}, {}] } });
  });

  test('initializers without data are written as external data of a file that is not there', () => {
    const graph = toGraph(open(w, b));
    const file = place();
    const hollow = encodeGraph(graph, { withoutData: (name) => name === 'w' });
    expect(hollow.length).toBeLessThan(encodeGraph(graph).length + 60);
    writeFileSync(file, hollow);
    expect(() => openModel(file)).toThrow(/'w' .* lies in the external data file 'ortune'/);
  });
});
