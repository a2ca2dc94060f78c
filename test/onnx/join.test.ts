import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { fingerprint } from '#ortune/onnx/fingerprint.js';
import { joinModels, type ModelPart, onlyPart, openFiles } from '#ortune/onnx/join.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import type { ModelProto } from '#ortune/onnx/onnx_pb.js';
import { saveModels } from '#ortune/onnx/save.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { writeModelDirectory } from '#ortune/transfer/directory.js';
import { encoders, fixture } from '../support/exported.js';
import { temporaryDirectory } from '../support/temporary.js';
import { floats, initializer, modelProto, node, type Parts, run, value, writeModel } from './support.js';

const root = temporaryDirectory();
let count = 0;

/** A model directory with these files. */
function write(files: Record<string, ModelProto>): string {
  const directory = join(root, `model${count++}`);
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  for (const [name, proto] of Object.entries(files)) writeModel(join(directory, 'onnx', `${name}.onnx`), proto);
  return directory;
}

const joined = (files: Record<string, ModelProto>, parts: readonly ModelPart[]) =>
  joinModels(parts, openFiles(write(files), parts));

/** last = relu(x·w), with a mask that both files take. */
const encoder = (more: Partial<Parts> = {}) =>
  modelProto({
    nodes: [
      node('MatMul', ['x', 'w'], ['product'], {}, { name: 'MatMul' }),
      node('Relu', ['product'], ['relu'], {}, { name: 'Relu' }),
      node('Mul', ['relu', 'mask'], ['last'], {}, { name: 'Mul' }),
    ],
    inputs: [value('x', 'float32', ['rows', 2]), value('mask', 'float32', ['rows', 1])],
    outputs: [value('last', 'float32', ['rows', 2])],
    initializers: [initializer('w', floats([1, 2, -3, 4], [2, 2]))],
    ...more,
  });

/** y = (state·w + x) · mask */
const decoder = (more: Partial<Parts> = {}) =>
  modelProto({
    nodes: [
      node('MatMul', ['state', 'w'], ['product'], {}, { name: 'MatMul' }),
      node('Add', ['product', 'x'], ['sum'], {}, { name: 'Add' }),
      node('Mul', ['sum', 'mask'], ['y'], {}, { name: 'Mul' }),
    ],
    inputs: [
      value('state', 'float32', ['rows', 2]),
      value('x', 'float32', ['rows', 3]),
      value('mask', 'float32', ['rows', 1]),
    ],
    outputs: [value('y', 'float32', ['rows', 3])],
    initializers: [initializer('w', floats([1, 0, 2, -1, 5, 0.5], [2, 3]))],
    ...more,
  });

const table: ModelPart[] = [{ file: 'encoder' }, { file: 'decoder', inputs: { state: 'encoder/last' } }];
const pair = (a: Partial<Parts> = {}, b: Partial<Parts> = {}) => ({ encoder: encoder(a), decoder: decoder(b) });

describe('a model of one file', () => {
  it.each(encoders)('is the graph of the file: %s by %s', (family, exporter) => {
    const model = openModel(fixture('encoders', family, exporter));
    const { graph, origins, tensors } = joinModels(onlyPart, [model]);
    expect(graph).toEqual(toGraph(model));
    expect(origins.size).toBe(0);
    expect([...tensors].every(([name, tensor]) => tensor.name === name && tensor.part === 'model')).toBe(true);
  });
});

describe('two files', () => {
  it('give what they give one behind the other', async () => {
    const { graph } = joined(pair(), [table[0]!, { ...table[1]!, inputs: { ...table[1]!.inputs, x: 'offset' } }]);
    const x = floats([1, -2, 3, 0.5], [2, 2]);
    const mask = floats([1, 0.5], [2, 1]);
    const offset = floats([1, 2, 3, 4, 5, 6], [2, 3]);
    const file = (proto: ModelProto) => writeModel(join(root, 'one.onnx'), proto);
    const { last } = await run(file(encoder()), { x, mask });
    const state = floats(last!.data, [2, 2]);
    const { y } = await run(file(decoder()), { state, x: offset, mask });
    const all = await run(encodeGraph(graph), { x, mask, offset });
    expect(all.y).toEqual(y);
    expect(all.last).toEqual(last);
  });

  it('keep names that only one of them has, and have their own in front of others', () => {
    const { graph, tensors, origins, parts } = joined(pair(), table);
    expect(graph.inputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['encoder/x', ['rows', 2]],
      ['mask', ['rows', 1]],
      ['decoder/x', ['decoder/rows', 3]],
    ]);
    // What feeds another file comes last, so that the model's own output is found first.
    expect(graph.outputs.map(({ name }) => name)).toEqual(['y', 'last']);
    expect(graph.nodes.map(({ name, outputs }) => [name, ...outputs])).toEqual([
      ['encoder/MatMul', 'encoder/product'],
      ['Relu', 'relu'],
      ['encoder/Mul', 'last'],
      ['decoder/MatMul', 'decoder/product'],
      ['Add', 'sum'],
      ['decoder/Mul', 'y'],
    ]);
    expect([...tensors.keys()]).toEqual(['encoder/w', 'decoder/w']);
    expect(tensors.get('decoder/w')).toMatchObject({ part: 'decoder', name: 'w', shape: [2, 3] });
    expect(origins.get('decoder/MatMul')).toBe('MatMul');
    expect([...parts[1]!.inputs]).toEqual([
      ['state', 'last'],
      ['x', 'decoder/x'],
      ['mask', 'mask'],
    ]);
    expect([...parts[1]!.outputs]).toEqual([['y', 'y']]);
  });

  it('take one input for two where the table says so, whatever they call its dimensions', () => {
    const inputs = [value('state', 'float32', ['rows', 2]), value('x', 'float32', ['n', 2])];
    const nodes = [node('Mul', ['state', 'x'], ['y'])];
    const files = pair({}, { nodes, inputs });
    expect(joined(files, table).graph.inputs.map(({ name }) => name)).toEqual(['encoder/x', 'mask', 'decoder/x']);
    const stated = [table[0]!, { file: 'decoder', inputs: { ...table[1]!.inputs, x: 'x' } }];
    expect(joined(files, stated).graph.inputs.map(({ name }) => name)).toEqual(['x', 'mask']);
    expect(() => joined(pair(), stated)).toThrow(
      /decoder.onnx: input 'x' is float32 \[rows, 3\] and cannot be 'x', which is float32 \[rows, 2\] in .*encoder.onnx/,
    );
  });

  it('may have outputs of one name, and an input that another input feeds', () => {
    const second = decoder({
      nodes: [node('MatMul', ['state', 'w'], ['product']), node('Mul', ['product', 'scale'], ['last'])],
      inputs: [value('state', 'float32', ['n', 2]), value('scale', 'float32', ['n', 1])],
      outputs: [value('last', 'float32', ['n', 3])],
    });
    const { graph } = joined({ encoder: encoder(), decoder: second }, [
      table[0]!,
      { file: 'decoder', inputs: { state: 'encoder/last', scale: 'encoder/mask' } },
    ]);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x', 'mask']);
    expect(graph.outputs.map(({ name }) => name)).toEqual(['decoder/last', 'encoder/last']);
    expect(graph.nodes.at(-1)!.inputs).toEqual(['decoder/product', 'mask']);
  });

  it('give way where a value inside is called like an input or output of the other', () => {
    const inside = { nodes: [node('MatMul', ['x', 'w'], ['y']), node('Mul', ['y', 'mask'], ['last'])] };
    const { graph } = joined(pair(inside), table);
    expect(graph.nodes[0]!.outputs).toEqual(['encoder/y']);
    expect(graph.outputs.map(({ name }) => name)).toEqual(['y', 'last']);
  });

  it('are saved each with its own weights', () => {
    const directory = write(pair());
    const model = joinModels(table, openFiles(directory, table));
    const [first, second] = [floats([9, 8, 7, 6], [2, 2]), floats([1, 2, 3, 4, 5, 6], [2, 3])];
    const target = join(root, 'saved');
    const weights = new Map([
      ['encoder/w', first],
      ['decoder/w', second],
    ]);
    const file = writeModelDirectory(model, target, weights, { config: {} });
    expect(file).toBe(join(target, 'onnx', 'decoder.onnx'));
    const [a, b] = openFiles(target, table).map((saved) => toGraph(saved).initializers.get('w')!.numbers());
    expect(a).toEqual(first.numbers());
    expect(b).toEqual(second.numbers());
  });

  it('keep what was there when one of them cannot be written', () => {
    const half = initializer('w', Tensor.of('float16', [1, 0, 2, -1, 5, 0.5], [2, 3]));
    const directory = write(pair({}, { initializers: [half] }));
    const [first, second] = openFiles(directory, table);
    const before = readFileSync(first!.path);
    const save = (model: typeof first, weight: Tensor) => ({
      model: model!,
      file: model!.path,
      weights: new Map([['w', weight]]),
    });
    const large = floats([1e9, 0, 0, 0, 0, 0], [2, 3]);
    expect(() => saveModels([save(first, floats([0, 0, 0, 0], [2, 2])), save(second, large)])).toThrow(/cannot hold/);
    expect(readFileSync(first!.path)).toEqual(before);
  });

  it('are told from others by the bytes of each', () => {
    const hash = (files: Record<string, ModelProto>) => fingerprint(...openFiles(write(files), table));
    const other = { initializers: [initializer('w', floats([1, 0, 2, -1, 5, 0.75], [2, 3]))] };
    expect(hash(pair())).toBe(hash(pair()));
    expect(hash(pair({}, other))).not.toBe(hash(pair()));
    const [first] = openFiles(write(pair()), table);
    expect(fingerprint(first!)).not.toBe(hash(pair()));
  });
});

describe('files that cannot be joined are refused with what is wrong', () => {
  const fed = (inputs: Record<string, string>): ModelPart[] => [{ file: 'encoder' }, { file: 'decoder', inputs }];
  it.each<[string, RegExp, ModelPart[], Partial<Parts>?]>([
    [
      'an input that is not there',
      /decoder.onnx has no input 'stat', .* by 'encoder\/last'; .*'state', 'x', 'mask'/,
      fed({ stat: 'encoder/last' }),
    ],
    [
      'a file that is not there',
      /'state' cannot be fed by 'encode\/last': no file .* they are 'encoder', 'decoder'/,
      fed({ state: 'encode/last' }),
    ],
    [
      'an output that is not there',
      /encoder.onnx has no such output or input; its outputs are 'last'/,
      fed({ state: 'encoder/first' }),
    ],
    [
      'another rank',
      /that is float32 \[rows, 2\], expected float32 \[rows, 2, 1\]/,
      fed({ state: 'encoder/last' }),
      { inputs: [value('state', 'float32', ['rows', 2, 1])] },
    ],
    [
      'another size',
      /that is float32 \[rows, 2\], expected float32 \[rows, 5\]/,
      fed({ state: 'encoder/last' }),
      { inputs: [value('state', 'float32', ['rows', 5])] },
    ],
    [
      'another type',
      /that is float32 \[rows, 2\], expected int64 \[rows, 2\]/,
      fed({ state: 'encoder/last' }),
      { inputs: [value('state', 'int64', ['rows', 2])] },
    ],
    ['itself', /decoder does not come before decoder.*a cycle cannot be trained/, fed({ state: 'decoder/y' })],
    [
      'a later file',
      /decoder does not come before encoder/,
      [{ file: 'encoder', inputs: { x: 'decoder/y' } }, ...fed({ state: 'encoder/last' }).slice(1)],
    ],
    [
      'nothing',
      /nothing feeds the input 'last', .* output of .*encoder.onnx. Feed it by 'encoder\/last'/,
      fed({}),
      { nodes: [node('MatMul', ['last', 'w'], ['y'])], inputs: [value('last', 'float32', ['rows', 2])] },
    ],
  ])('%s', (_, message, parts, more) => {
    const nodes = more && [node('Identity', ['state'], ['y'])];
    expect(() => joined(pair({}, { ...(nodes && { nodes }), ...more }), parts)).toThrow(message);
    expect(() => joined(pair({}, { ...(nodes && { nodes }), ...more }), parts)).toThrow(ModelError);
  });

  it('a directory without one of them, and a file in place of the directory', () => {
    const directory = write({ encoder: encoder() });
    expect(() => openFiles(directory, table)).toThrow(
      /holds no decoder.onnx: the task is of models of 2 files. Expected .* encoder.onnx, decoder.onnx in it/,
    );
    expect(() => openFiles(join(directory, 'onnx', 'encoder.onnx'), table)).toThrow(/is a file: the task is of/);
  });

  it('lie in the directory itself as well', () => {
    const directory = write(pair());
    const flat = join(root, 'flat');
    mkdirSync(flat);
    for (const { file } of table) copyFileSync(join(directory, 'onnx', `${file}.onnx`), join(flat, `${file}.onnx`));
    expect(openFiles(flat, table).map((model) => model.directory)).toEqual([flat, flat]);
  });
});
