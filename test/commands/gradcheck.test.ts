import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { gradcheckModel, parseInput } from '#ortune/commands/gradcheck.js';
import { writeSafetensors } from '#ortune/files/write-safetensors.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';

const fixture = (name: string) => `test/fixtures/encoders/${name}.onnx`;

describe('parseInput', () => {
  it('reads shape, type and range in any order', () => {
    expect(parseInput('x=1x3x32')).toEqual({ name: 'x', shape: [1, 3, 32] });
    expect(parseInput('a=b=2:int64:0..9')).toEqual({ name: 'a=b', shape: [2], dtype: 'int64', range: [0, 9] });
    expect(parseInput('x=4:-0.5..0.5:float32')).toEqual({
      name: 'x',
      shape: [4],
      dtype: 'float32',
      range: [-0.5, 0.5],
    });
    expect(parseInput('scalar=')).toEqual({ name: 'scalar', shape: [] });
    expect(parseInput('past_key_values.0.key=2x2x0x16')).toMatchObject({ shape: [2, 2, 0, 16] });
  });

  it.each([
    ['x', /there is no NAME=/],
    ['=3', /there is no NAME=/],
    ['x=3x0', /'3x0' is no shape of whole numbers above 0/],
    ['x=axb', /'axb' is no shape/],
    ['x=3:float', /'float' is neither a type nor a range/],
    ['x=3:2..1', /'2..1' is no range from low to high/],
  ])('refuses %s and shows the form', (text, message) => {
    expect(() => parseInput(text)).toThrow(message);
    expect(() => parseInput(text)).toThrow(/NAME=1x3x32x320\[:float32\|int64\]\[:LOW\.\.HIGH\]/);
  });
});

describe('gradcheckModel', () => {
  const families = ['albert', 'bert', 'distilbert', 'electra', 'mpnet', 'roberta'];

  it.each(families.flatMap((f) => [`${f}-torchscript`, `${f}-dynamo`]))('passes for %s', async (name) => {
    const result = await gradcheckModel(fixture(name));
    expect(result.checked).toBeGreaterThan(20);
    expect(result.parameters.filter((p) => !(p.relativeError <= result.tolerance))).toEqual([]);
    expect(result.failed).toBe(0);
  });

  it('takes shapes and ranges of inputs, and readable names of parameters', async () => {
    const inputs = ['input_ids=3x5:int64:5..9', 'attention_mask=3x5:1..1', 'token_type_ids=3x5'];
    const result = await gradcheckModel(fixture('bert-torchscript'), { input: inputs, seed: 3 });
    expect(result.failed).toBe(0);
    expect(result.parameters.map((p) => p.name)).toContain('bert.encoder.layer.0.attention.self.query.weight');
    // The bias of keys has no gradient.
    const left = result.parameters.filter((p) => p.notMeasurable !== undefined);
    expect(left.map((p) => p.name)).toEqual([0, 1].map((i) => `bert.encoder.layer.${i}.attention.self.key.bias`));
    expect(left[0]!.notMeasurable).toMatch(/small beside the largest, and .* within the rounding of float32/);
  });

  it('holds nothing to a tolerance that differences of float32 outputs cannot show', async () => {
    const result = await gradcheckModel(fixture('distilbert-torchscript'), { tolerance: 1e-12 });
    expect(result).toMatchObject({ failed: 0, notMeasurable: result.checked });
  });

  it('refuses inputs the model does not have or has in another type', async () => {
    const check = (input: string) => gradcheckModel(fixture('bert-torchscript'), { input });
    await expect(check('pixels=1x3')).rejects.toThrow(
      /no input 'pixels'; its inputs are input_ids, attention_mask, token/,
    );
    await expect(check('input_ids=2x8:float32')).rejects.toThrow(
      /input 'input_ids' of the model is int64, found float32/,
    );
    await expect(check('input_ids=2x8:70000..80000')).rejects.toThrow(
      /the model does not run with such inputs: Gather '.*': indices element out of data bounds, .* Say which it takes/,
    );
  });

  describe('against given gradients', () => {
    const directory = mkdtempSync(join(tmpdir(), 'ortune-against-'));
    afterAll(() => rmSync(directory, { recursive: true }));
    // y = x · w + b: of the sum of y, each row of dw is the sum of a column of x, and db the number of rows.
    const model = join(directory, 'linear.onnx');
    const graph = new Graph();
    graph.inputs = [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }];
    graph.initializers.set('w', Tensor.of('float32', [1, 2, 3, 4, 5, 6], [2, 3]));
    graph.initializers.set('b', Tensor.of('float32', [1, 2, 3]));
    const node = { name: 'n', op: 'Gemm', domain: '', inputs: ['x', 'w', 'b'], outputs: ['y'], attrs: new Map() };
    graph.nodes = [node];
    graph.outputs = [{ name: 'y', dtype: 'float32', shape: ['batch', 3] }];
    writeFileSync(model, encodeGraph(graph));
    const against = (tensors: Record<string, Tensor>) => {
      const file = join(directory, 'gradients.safetensors');
      const named = Object.entries(tensors).map(([name, t]) => ({
        name,
        dtype: t.dtype,
        shape: t.shape,
        data: t.data(),
      }));
      writeSafetensors(file, named);
      return gradcheckModel(model, { against: file });
    };
    const float = (values: number[], ...shape: number[]) => Tensor.of('float32', values, shape);
    const x = float([1, 2, 3, 4, 5, 6], 3, 2);

    it('compares them by name, for the inputs of the file and the sum of the outputs', async () => {
      const result = await against({ x, w: float([9, 9, 9, 12, 12, 12], 2, 3), b: float([3, 3, 3.3], 3) });
      expect(result).toMatchObject({ checked: 2, failed: 1, notMeasurable: 0, unknown: [] });
      expect(result.parameters[0]).toEqual({ name: 'w', relativeError: 0 });
      expect(result.worst).toMatchObject({
        parameter: 'b',
        relativeError: expect.closeTo(0.3 / Math.hypot(3, 3, 3.3), 6),
      });
    });

    it('takes a projection, and says names that are missing or unknown and shapes that differ', async () => {
      const projection = float([1, 0, 0, 0, 0, 0, 0, 0, 2], 3, 3);
      const result = await against({
        x,
        'projection.y': projection,
        w: float([1, 2, 0, 0, 10, 12], 3, 2),
        v: float([1], 1),
      });
      expect(result).toMatchObject({ checked: 2, failed: 0, notMeasurable: 2, unknown: ['v'] });
      const reasons = result.parameters.map((p) => p.notMeasurable);
      expect(reasons[0]).toMatch(/gradients\.safetensors has it in the shape \[3,2\], the model's file in \[2,3\]/);
      expect(reasons[1]).toMatch(/gradients\.safetensors has no tensor of its name, 'b'/);
      const right = { x, 'projection.y': projection, w: float([1, 0, 10, 2, 0, 12], 2, 3) };
      expect(await against(right)).toMatchObject({ failed: 0, notMeasurable: 1 });
    });

    it('refuses a file that there is not, and a projection that does not fit', async () => {
      await expect(gradcheckModel(model, { against: 'nothing.safetensors' })).rejects.toThrow(
        /option 'against': there is no file nothing\.safetensors; expected gradients as \.safetensors/,
      );
      await expect(against({ x, 'projection.y': float([1], 1) })).rejects.toThrow(
        /'projection\.y' has the shape \[1\], but the output is \[3,3\] for these inputs/,
      );
    });
  });

  it('checks a float16 model in float32, and refuses an input of unknown shape', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ortune-gradcheck-'));
    const write = (dtype: 'float16' | 'float32', shape: number[] | undefined): string => {
      const graph = new Graph();
      graph.inputs = [{ name: 'x', dtype, shape }];
      graph.initializers.set('w', Tensor.of(dtype, [1, 2, 3, 4], [4, 1]));
      graph.nodes = [{ name: 'n', op: 'MatMul', domain: '', inputs: ['x', 'w'], outputs: ['y'], attrs: new Map() }];
      graph.outputs = [{ name: 'y', dtype, shape: undefined }];
      writeFileSync(join(directory, `${dtype}.onnx`), encodeGraph(graph));
      return join(directory, `${dtype}.onnx`);
    };
    expect(await gradcheckModel(write('float16', [2, 4]))).toMatchObject({ checked: 1, failed: 0, notMeasurable: 0 });
    await expect(gradcheckModel(write('float32', undefined))).rejects.toThrow(
      /no shape for input 'x': say it with --input x=/,
    );
    rmSync(directory, { recursive: true });
  });
});
