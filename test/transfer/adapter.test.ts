// Where adapters stand, and that merged into the file they give what they give beside it; what directories hold that is
// not for a model is said.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { writeSafetensors } from '#ortune/files/write-safetensors.js';
import { TorchScriptWriter } from '#ortune/models/torchscript.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { type Attached, attachAdapter } from '#ortune/transfer/adapter/attach.js';
import { mergeLayers, openForAdapters } from '#ortune/transfer/adapter/merge.js';
import { adapterOf } from '#ortune/transfer/adapter/options.js';
import { adapterConfig, readAdapter } from '#ortune/transfer/adapter/peft.js';
import type { ModelConfig } from '#ortune/transfer/config.js';
import { temporaryDirectory } from '../support/temporary.js';
import { built, runOn } from '../support/transfer.js';

const root = temporaryDirectory('adapter');
const config: ModelConfig = { model_type: 'llama', num_attention_heads: 2, num_key_value_heads: 1 };

/**
 * x [2, 3, 6] through the packed projection of a builder of decoders and a layer, and rows of a table that stays tied.
 */
function decoder() {
  const w = new TorchScriptWriter(17);
  const x = w.input('x', 'float32', ['batch', 'sequence', 6]);
  const data = (size: number, stream: number) => normals(7, stream, size);
  const packed = w.weight('model.layers.0.attn.qkv_proj.MatMul.weight', [6, 16], data(96, 0));
  const bias = w.weight('model.layers.0.attn.qkv_proj.Add.bias', [16], data(16, 1));
  const product = w.op('/model/layers.0/attn/qkv_proj', 'MatMul', [x, packed]);
  const sum = w.op('/model/layers.0/attn/qkv_proj', 'Add', [product, bias]);
  const down = w.weight('model.layers.0.mlp.down_proj.MatMul.weight', [16, 5], data(80, 2));
  w.op('/model/layers.0/mlp/down_proj', 'MatMul', [sum, down], {}, 'logits');
  w.output('logits', 'float32', ['batch', 'sequence', 5]);
  return built(w.finish());
}

const x = new ort.Tensor('float32', normals(3, 0, 36), [2, 3, 6]);

function attach(targets: string[]): { opened: ReturnType<typeof openForAdapters>; attached: Attached } {
  const opened = openForAdapters(decoder(), config);
  const options = adapterOf({ adapter: 'lora', loraRank: 2, loraTargets: targets })!;
  const choice = { trainable: [...opened.parameters], frozen: [], leftOut: [], apart: [] };
  const attached = attachAdapter(opened.graph, choice, { options, config, seed: 5, ownHead: false });
  for (const [i, { b }] of attached.adapters.entries()) {
    const { shape, size } = opened.graph.initializers.get(b)!;
    opened.graph.initializers.set(b, Tensor.view('float32', shape, normals(9, i, size)));
  }
  return { opened, attached };
}

it.each([
  [['default'], ['self_attn.q_proj', 'self_attn.v_proj']],
  [
    ['k_proj', 'down_proj'],
    ['self_attn.k_proj', 'mlp.down_proj'],
  ],
  // The last layer is the head of what has no other.
  [['all-linear'], ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj']],
])('%s of a packed projection: merged it gives what it gives beside the weights', async (targets, expected) => {
  const { opened, attached } = attach(targets);
  const { adapters } = attached;
  expect(adapters.map(({ module }) => module.alias)).toEqual(expected.map((path) => `model.layers.0.${path}`));
  const graph = specialize(opened.graph, { x: [2, 3, 6] });
  const session = await ort.InferenceSession.create(encodeGraph(graph));
  const beside = (await session.run({ x })).logits!;
  await session.release();

  const tensor = (name: string) => opened.graph.initializers.get(name)!;
  const layers = adapters.map(
    ({ module, a, b, scaling }) => [module.alias, [{ a: tensor(a), b: tensor(b), scaling }]] as const,
  );
  const { model, weights } = mergeLayers(openForAdapters(decoder(), config), config, new Map(layers));
  for (const { parameter, weight } of weights)
    model.proto.graph!.initializer.find(({ name }) => name === parameter.name)!.rawData =
      weight.bytes() as Uint8Array<ArrayBuffer>;
  const merged = (await runOn(model, () => ({ x }))).logits!;
  const plain = (await runOn(decoder(), () => ({ x }))).logits!;
  const difference = (a: ort.Tensor, b: ort.Tensor) =>
    Math.max(...Array.from(a.data as Float32Array, (v, i) => Math.abs(v - Number(b.data[i]))));
  expect(difference(merged, beside)).toBeLessThan(2e-5);
  expect(difference(merged, plain)).toBeGreaterThan(1);
});

it('trains the adapter alone where the head is not the task’s own', () => {
  const { attached } = attach(['default']);
  expect(attached.choice.trainable.map(({ name }) => name)).toEqual(
    ['q_proj', 'v_proj'].flatMap((layer) =>
      ['A', 'B'].map((of) => `model.layers.0.self_attn.${layer}.lora_${of}.weight`),
    ),
  );
  expect(attached.choice.frozen).toHaveLength(3);
});

/** A directory with an adapter of rank 2. */
function directory(name: string, changes: object = {}, tensors: Record<string, readonly number[]> = {}): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(
    join(path, 'adapter_config.json'),
    JSON.stringify({ peft_type: 'LORA', r: 2, lora_alpha: 4, ...changes }),
  );
  const all = {
    'model.layers.0.mlp.down_proj.lora_A.weight': [2, 16],
    'model.layers.0.mlp.down_proj.lora_B.weight': [5, 2],
    ...tensors,
  };
  const named = Object.entries(all).map(([name, shape]) => {
    const data = normals(
      1,
      0,
      shape.reduce((n, d) => n * d, 1),
    );
    return { name: `base_model.model.${name}`, dtype: 'float32' as const, shape, data };
  });
  writeSafetensors(join(path, 'adapter_model.safetensors'), named);
  return path;
}

it('reads how much each layer is scaled', () => {
  const scaling = (changes: object) => [...readAdapter(directory('scaled', changes)).layers.values()][0]!.scaling;
  expect(scaling({})).toBe(2);
  expect(scaling({ use_rslora: true })).toBeCloseTo(4 / Math.SQRT2);
  expect(scaling({ alpha_pattern: { down_proj: 6 } })).toBe(3);
  expect(scaling({ alpha_pattern: { own_proj: 6 } })).toBe(2);
});

it('writes ranks and alphas that are a layer’s own, so that PEFT scales it as it was trained', () => {
  const layer = 'model.layers.0.mlp.down_proj';
  const write = (own: { rank: number; alpha: number }) => {
    const others = Object.fromEntries(['up_proj', 'gate_proj'].map((name) => [name, { rank: 2, alpha: 4 }]));
    return adapterConfig({
      shape: { dora: false, rank: 2, alpha: 4, rslora: false },
      dropout: 0,
      layers: new Map(Object.entries({ ...others, [layer]: own })),
      saved: [],
      taskType: null,
      base: 'base',
      fanInFanOut: false,
    });
  };
  expect(write({ rank: 2, alpha: 4 })).toMatchObject({ alpha_pattern: {}, rank_pattern: {} });
  const json = write({ rank: 8, alpha: 6 });
  expect(json).toMatchObject({ alpha_pattern: { [layer]: 6 }, rank_pattern: { [layer]: 8 } });
  const read = readAdapter(
    directory('own', json, { [`${layer}.lora_A.weight`]: [8, 16], [`${layer}.lora_B.weight`]: [5, 8] }),
  );
  expect([...read.layers.values()][0]!.scaling).toBe(0.75);
});

it.each([
  [{ peft_type: 'IA3' }, {}, /peft_type is "IA3", and ortune reads LORA/],
  [{ bias: 'all' }, {}, /bias is "all"/],
  [{ use_qalora: true }, {}, /use_qalora is set, which ortune does not know/],
  [{ lora_alpha: 'two' }, {}, /'lora_alpha' must be a number, found "two"/],
  [{ alpha_pattern: { '(': 1 } }, {}, /alpha_pattern: '\(' is no regular expression/],
  [{}, { 'model.layers.0.mlp.down_proj.lora_B.bias': [5] }, /lora_B.bias' is none that ortune knows/],
  [{}, { 'model.layers.0.mlp.down_proj.lora_B.weight': [5, 3] }, /do not fit together: .* found \[2,16\] and \[5,3\]/],
] as const)('refuses a directory with %j %j', (changes, tensors, message) => {
  expect(() => readAdapter(directory('refused', changes, tensors))).toThrow(message);
});

it.each([
  [
    { 'model.layers.0.mlp.down_proj.lora_A.weight': [2, 15] },
    /matrices of \[2,15\] and \[5,2\], expected \[2,16\] and \[5,2\]/,
  ],
  [
    { 'model.layers.9.mlp.up_proj.lora_A.weight': [2, 4], 'model.layers.9.mlp.up_proj.lora_B.weight': [4, 2] },
    /is not for this model, which has no layer 'model.layers.9.mlp.up_proj': its layers are like/,
  ],
  [{ 'score.weight': [2, 6] }, /it has 'score.weight' \[2,6\], and the model nothing of that name/],
] as const)('refuses an adapter of another model: %j', (tensors, message) => {
  const { graph, parameters } = openForAdapters(decoder(), config);
  const options = adapterOf({ adapter: directory('other', {}, tensors) })!;
  const choice = { trainable: [...parameters], frozen: [], leftOut: [], apart: [] };
  expect(() => attachAdapter(graph, choice, { options, config, seed: 5, ownHead: false })).toThrow(message);
});

it('refuses a directory without an adapter', () => {
  expect(() => readAdapter(root)).toThrow(
    /holds no adapter: expected adapter_config.json and adapter_model.safetensors/,
  );
});

it('refuses DoRA at a packed projection', () => {
  const { graph, parameters } = openForAdapters(decoder(), config);
  const options = adapterOf({ adapter: 'dora', loraTargets: ['q_proj'] })!;
  const choice = { trainable: [...parameters], frozen: [], leftOut: [], apart: [] };
  expect(() => attachAdapter(graph, choice, { options, config, seed: 5, ownHead: false })).toThrow(
    /DoRA is for linear layers of floats that are no part of a packed projection, and model.layers.0.self_attn.q_proj/,
  );
});
