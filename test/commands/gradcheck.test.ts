import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gradcheckModel, parseInput } from '#ortune/commands/gradcheck.js';
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
  });

  it('counts what lies above the tolerance', async () => {
    const result = await gradcheckModel(fixture('distilbert-torchscript'), { tolerance: 1e-12 });
    expect(result.failed).toBeGreaterThan(0);
    expect(result.worst!.relativeError).toBeGreaterThan(1e-12);
  });

  it('refuses inputs the model does not have or has in another type', async () => {
    const check = (input: string) => gradcheckModel(fixture('bert-torchscript'), { input });
    await expect(check('pixels=1x3')).rejects.toThrow(
      /no input 'pixels'; its inputs are input_ids, attention_mask, token/,
    );
    await expect(check('input_ids=2x8:float32')).rejects.toThrow(
      /input 'input_ids' of the model is int64, found float32/,
    );
  });

  it('refuses weights too coarse for a difference, and an input of unknown shape', async () => {
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
    await expect(gradcheckModel(write('float16', [2, 4]))).rejects.toThrow(
      /'w' is float16, too coarse for a difference/,
    );
    await expect(gradcheckModel(write('float32', undefined))).rejects.toThrow(
      /no shape for input 'x': say it with --input x=/,
    );
    rmSync(directory, { recursive: true });
  });
});
