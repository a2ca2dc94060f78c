import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, test } from 'vitest';
import { ModelError, UsageError } from '#ortune/errors.js';
import { convertFloat } from '#ortune/onnx/convert.js';
import { onnxDataType } from '#ortune/onnx/dtype.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { type ModelProto, ModelProtoSchema, type TensorProto, TensorProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { fileTensors, saveModel } from '#ortune/onnx/save.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { temporaryDirectory } from '../support/temporary.js';
import { external, floats, initializer, linear, modelProto, node, run, value, writeModel } from './support.js';

const root = temporaryDirectory();
let directory: string;
let source: string;
let target: string;
beforeEach((context) => {
  directory = join(root, context.task.id);
  source = join(directory, 'source', 'model.onnx');
  target = join(directory, 'target', 'model.onnx');
  mkdirSync(join(directory, 'source'), { recursive: true });
});

const w = floats([1, 2, 3, 4, 5, 6], [2, 3]);
const b = floats([0.5, -1, 2]);
const trained = floats([6, 5, 4, 3, 2, 1.25], [2, 3]);
const feeds = { x: floats([1, 2, -3, 0.25], [2, 2]) };
const expected = [6 + 6 + 0.5, 5 + 4 - 1, 4 + 2.5 + 2, -18 + 0.75 + 0.5, -15 + 0.5 - 1, -12 + 0.3125 + 2];

const typed = (name: string, tensor: Tensor): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dataType: onnxDataType(tensor.dtype),
    dims: tensor.shape.map(BigInt),
    ...(tensor.dtype === 'float64' ? { doubleData: tensor.numbers() } : { floatData: tensor.numbers() }),
  });
const bytesOf = (...tensors: Tensor[]): Uint8Array => Buffer.concat(tensors.map((t) => t.bytes()));
const initializerOf = (file: string, name: string): TensorProto =>
  openModel(file).proto.graph!.initializer.find((t) => t.name === name)!;

/** Saves with a trained `w` and returns the file; the stock runtime must compute the trained outputs from it. */
async function saveTrained(proto: ModelProto): Promise<string> {
  saveModel(openModel(writeModel(source, proto)), target, new Map([['w', trained]]));
  expect((await run(target, feeds)).y!.data).toEqual(expected);
  return target;
}

describe('a tensor keeps its storage', () => {
  test('raw data', async () => {
    const saved = await saveTrained(linear(initializer('w', w), initializer('b', b)));
    expect(initializerOf(saved, 'w').rawData).toHaveLength(24);
    expect(readdirSync(join(directory, 'target'))).toEqual(['model.onnx']);
  });

  test('typed field', async () => {
    const saved = await saveTrained(linear(typed('w', w), initializer('b', b)));
    expect(initializerOf(saved, 'w')).toMatchObject({ floatData: trained.numbers() });
  });

  test('Constant node with a tensor', async () => {
    const proto = linear(initializer('w', w), initializer('b', b), {
      nodes: [
        node('Constant', [], ['w'], { value: w }, { name: 'const' }),
        node('MatMul', ['x', 'w'], ['xw']),
        node('Add', ['xw', 'b'], ['y']),
      ],
      initializers: [initializer('b', b)],
    });
    const saved = openModel(await saveTrained(proto));
    expect(saved.proto.graph!.node[0]!.opType).toBe('Constant');
    expect(fileTensors(saved).get('w')).toEqual({ dtype: 'float32', shape: [2, 3], where: 'constant' });
  });

  test('Constant node with plain floats', async () => {
    const proto = modelProto({
      nodes: [
        node('Constant', [], ['scale'], { value_float: { kind: 'float', value: 2 } }),
        node('Constant', [], ['shift'], { value_floats: { kind: 'floats', value: [1, 1] } }),
        node('Mul', ['x', 'scale'], ['xs']),
        node('Add', ['xs', 'shift'], ['y']),
      ],
      inputs: [value('x', 'float32', ['rows', 2])],
      outputs: [value('y', 'float32', ['rows', 2])],
    });
    const model = openModel(writeModel(source, proto));
    expect([...fileTensors(model)]).toEqual([
      ['scale', { dtype: 'float32', shape: [], where: 'constant' }],
      ['shift', { dtype: 'float32', shape: [2], where: 'constant' }],
    ]);
    saveModel(
      model,
      target,
      new Map([
        ['scale', Tensor.scalar('float32', 3)],
        ['shift', floats([0, 10])],
      ]),
    );
    expect((await run(target, feeds)).y!.data).toEqual([3, 16, -9, 10.75]);
  });

  test('external data beside the file, other tensors copied', async () => {
    writeFileSync(join(directory, 'source', 'weights.bin'), Buffer.concat([Buffer.alloc(8), bytesOf(w, b)]));
    const proto = linear(
      external('w', w, 'weights.bin', { offset: 8, length: 24 }),
      external('b', b, 'weights.bin', { offset: 32 }),
    );
    const saved = await saveTrained(proto);
    expect(readdirSync(join(directory, 'target')).sort()).toEqual(['model.onnx', 'model.onnx_data']);
    expect(initializerOf(saved, 'b').externalData.map((e) => [e.key, e.value])).toEqual([
      ['location', 'model.onnx_data'],
      ['offset', '64'],
      ['length', '12'],
    ]);
  });

  test('external data of a Constant node and of a function comes along', async () => {
    writeFileSync(join(directory, 'source', 'weights.bin'), bytesOf(b));
    const constant = node('Constant', [], ['b'], { value: b });
    constant.attribute[0]!.t = external('', b, 'weights.bin', { offset: 0, length: 12 });
    const proto = linear(initializer('w', w), initializer('b', b), {
      nodes: [node('MatMul', ['x', 'w'], ['xw']), node('Shift', ['xw'], ['y'], {}, { domain: 'local' })],
      initializers: [initializer('w', w)],
      more: {
        opsetImport: [
          { domain: '', version: 17n },
          { domain: 'local', version: 1n },
        ],
        functions: [
          {
            name: 'Shift',
            domain: 'local',
            input: ['a'],
            output: ['c'],
            node: [constant, node('Add', ['a', 'b'], ['c'])],
            opsetImport: [{ domain: '', version: 17n }],
          },
        ],
      },
    });
    saveModel(openModel(writeModel(source, proto)), target, new Map([['w', trained]]));
    expect(toGraph(openModel(target)).initializers.get('y/b')!.numbers()).toEqual(b.numbers());
    expect(readFileSync(`${target}_data`).equals(Buffer.from(bytesOf(b)))).toBe(true);
  });
});

describe('a tensor keeps its type', () => {
  test.each(['float16', 'bfloat16', 'float64'] as const)('%s, raw and in its typed field', (dtype) => {
    const own = convertFloat(w, dtype);
    const field = dtype === 'float64' ? { doubleData: own.numbers() } : { int32Data: [...(own.data() as Uint16Array)] };
    const typedOne = create(TensorProtoSchema, { name: 'b', dataType: onnxDataType(dtype), dims: [2n, 3n], ...field });
    const model = openModel(writeModel(source, linear(initializer('w', own), typedOne)));
    saveModel(
      model,
      target,
      new Map([
        ['w', trained],
        ['b', trained],
      ]),
    );
    for (const name of ['w', 'b']) {
      const saved = toGraph(openModel(target)).initializers.get(name)!;
      expect(saved.dtype, name).toBe(dtype);
      expect(convertFloat(saved, 'float32').numbers(), name).toEqual(trained.numbers());
    }
    expect(initializerOf(target, 'b').rawData).toHaveLength(0);
  });

  test('a value that float16 cannot hold is refused and nothing is written', () => {
    const model = openModel(
      writeModel(source, linear(initializer('w', convertFloat(w, 'float16')), initializer('b', b))),
    );
    const large = new Map([['w', floats([1, 2, 3, 4, 7e4, 6], [2, 3])]]);
    expect(() => saveModel(model, target, large)).toThrow(ModelError);
    expect(() => saveModel(model, target, large)).toThrow(
      /'w' .* float16, which cannot hold the trained value 70000 \(element 4\)/,
    );
    expect(readdirSync(join(directory, 'target'))).toEqual([]);
  });
});

describe('what saving keeps', () => {
  test('everything else in the file, unknown fields included', () => {
    const proto = linear(initializer('w', w), initializer('b', b), {
      more: {
        producerName: 'someone',
        docString: 'about',
        metadataProps: [{ key: 'k', value: 'v' }],
        opsetImport: [{ domain: '', version: 17n }],
      },
    });
    proto.$unknown = [{ no: 99, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }];
    proto.graph!.$unknown = [{ no: 98, wireType: 0, data: Uint8Array.of(5) }];
    const model = openModel(writeModel(source, proto));
    saveModel(model, target, new Map());
    expect(openModel(target).proto).toEqual(model.proto);
    expect(openModel(target).proto.graph!.$unknown).toEqual(proto.graph!.$unknown);
  });

  test('the model in memory stays as it was read', () => {
    const model = openModel(writeModel(source, linear(initializer('w', w), initializer('b', b))));
    const before = toBinary(ModelProtoSchema, model.proto);
    saveModel(model, target, new Map([['w', trained]]));
    expect(toBinary(ModelProtoSchema, model.proto)).toEqual(before);
  });

  test('a file is replaced in place, from weights in shared memory', async () => {
    const shared = Tensor.view('float32', [2, 3], new Float32Array(new SharedArrayBuffer(24)));
    (shared.data() as Float32Array).set(trained.data() as Float32Array);
    const model = openModel(writeModel(source, linear(initializer('w', w), initializer('b', b))));
    saveModel(model, source, new Map([['w', shared]]));
    expect((await run(source, feeds)).y!.data).toEqual(expected);
  });
});

describe('files beyond what protobuf holds', () => {
  const size = 64;
  const square = (seed: number): Tensor =>
    floats(
      Array.from({ length: size * size }, (_, i) => Math.sin(i + seed)),
      [size, size],
    );
  const proto = modelProto({
    nodes: [node('MatMul', ['x', 'u'], ['h']), node('MatMul', ['h', 'v'], ['m']), node('Add', ['m', 'c'], ['y'])],
    inputs: [value('x', 'float32', [1, size])],
    outputs: [value('y', 'float32', [1, size])],
    initializers: [initializer('u', square(1)), typed('v', square(2)), initializer('c', floats([1]))],
  });

  test('move their larger initializers to external data, by a limit', async () => {
    const model = openModel(writeModel(source, proto));
    saveModel(model, target, new Map([['u', square(3)]]), { externalAbove: 20_000 });
    expect(statSync(target).size).toBeLessThan(1000);
    expect(initializerOf(target, 'c').rawData).toHaveLength(4);
    saveModel(model, join(directory, 'whole.onnx'), new Map([['u', square(3)]]));
    expect(existsSync(join(directory, 'whole.onnx_data'))).toBe(false);
    const x = {
      x: floats(
        Array.from({ length: size }, (_, i) => i / size),
        [1, size],
      ),
    };
    expect(await run(target, x)).toEqual(await run(join(directory, 'whole.onnx'), x));
  });

  test('stay external when they are saved again, elsewhere', async () => {
    saveModel(openModel(writeModel(source, proto)), target, new Map(), { externalAbove: 20_000 });
    const again = join(directory, 'again', 'model.onnx');
    saveModel(openModel(target), again, new Map([['u', square(3)]]));
    expect(toGraph(openModel(again)).initializers.get('u')!.numbers()).toEqual(square(3).numbers());
    expect(toGraph(openModel(again)).initializers.get('v')!.numbers()).toEqual(square(2).numbers());
  });

  test('are not written over the data they are read from', () => {
    saveModel(openModel(writeModel(source, proto)), target, new Map(), { externalAbove: 20_000 });
    const before = readFileSync(`${target}_data`);
    expect(() => saveModel(openModel(target), target, new Map())).toThrow(UsageError);
    expect(() => saveModel(openModel(target), target, new Map())).toThrow(/weights are read from it. Choose another/);
    expect(readFileSync(`${target}_data`).equals(before)).toBe(true);
    expect(readdirSync(join(directory, 'target')).sort()).toEqual(['model.onnx', 'model.onnx_data']);
  });
});

test('weights that the file does not have, or in another shape or kind, are a mistake of the caller', () => {
  const model = openModel(writeModel(source, linear(initializer('w', w), initializer('b', b))));
  expect(() => saveModel(model, target, new Map([['q', w]]))).toThrow(/cannot save 'q' .* no such tensor/);
  expect(() => saveModel(model, target, new Map([['w', b]]))).toThrow(
    /cannot save 'w' float32 \[3\]: the file has \[2,3\]/,
  );
  const integers = Tensor.of('int32', [1, 2, 3, 4, 5, 6], [2, 3]);
  expect(() => saveModel(model, target, new Map([['w', integers]]))).toThrow(/cannot save 'w' int32/);
});
