import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '#ortune/errors.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { chooseParameters, logitsOf } from '#ortune/transfer/parameters.js';
import { type Exporter, encoders, exporters, families, fixture } from '../support/exported.js';

interface Golden {
  parameters: { name: string; in: Record<Exporter, { name: string }[]> }[];
}

const heads: Record<string, string[]> = {
  bert: ['classifier'],
  albert: ['classifier'],
  distilbert: ['pre_classifier', 'classifier'],
  roberta: ['classifier.dense', 'classifier.out_proj'],
  electra: ['classifier.dense', 'classifier.out_proj'],
  mpnet: ['classifier.dense', 'classifier.out_proj'],
};

function choose(path: string, freeze?: string[]) {
  const model = openModel(path);
  const graph = toGraph(model);
  return { graph, ...chooseParameters(model, graph, { freeze }) };
}

describe.each(encoders)('%s by %s', (family, exporter) => {
  const path = fixture('encoders', family, exporter);
  const golden: Golden = JSON.parse(readFileSync(join(path, '..', `${family}.golden.json`), 'utf8'));

  test('every parameter of PyTorch is found, under its name, and nothing else', () => {
    const { trainable, frozen, leftOut } = choose(path);
    const found = new Map(trainable.map(({ alias, name, copies }) => [alias, [name, ...copies]]));
    expect(found).toEqual(new Map(golden.parameters.map((p) => [p.name, p.in[exporter].map(({ name }) => name)])));
    expect(frozen).toEqual([]);
    expect(leftOut).toEqual([]);
  });

  test('the trunk can be frozen, which leaves the head', () => {
    const { trainable, frozen } = choose(path, ['trunk']);
    expect(trainable.map((p) => p.alias)).toEqual(heads[family]!.flatMap((name) => [`${name}.weight`, `${name}.bias`]));
    expect(trainable.every((p) => p.head)).toBe(true);
    expect(trainable.length + frozen.length).toBe(golden.parameters.length);
  });
});

test('copies of one weight become one in the graph', () => {
  const { graph, trainable } = choose(fixture('encoders', 'albert', 'dynamo'));
  const shared = trainable.filter(({ copies }) => copies.length > 0);
  expect(shared.map(({ alias }) => alias.split('.').slice(-2).join('.'))).toEqual(['ffn.weight', 'ffn_output.weight']);
  for (const { name, copies } of shared) {
    expect(graph.consumers().get(name)).toHaveLength(2);
    for (const copy of copies) expect(graph.initializers.has(copy)).toBe(false);
  }
});

describe('freezing', () => {
  const path = fixture('encoders', 'bert', 'torchscript');

  test('goes by patterns over names and readable names', () => {
    const { frozen } = choose(path, ['*.layer.0.*', 'onnx::MatMul_371', 'bert/embeddings/*']);
    expect(frozen.filter(({ alias }) => alias.includes('layer.0'))).toHaveLength(16);
    expect(frozen.filter(({ alias }) => alias.includes('embeddings'))).toHaveLength(5);
    expect(frozen.find(({ name }) => name === 'onnx::MatMul_371')!.alias).toBe(
      'bert.encoder.layer.1.output.dense.weight',
    );
    expect(frozen).toHaveLength(22);
    expect(choose(path, ['!classifier.*']).trainable).toHaveLength(2);
  });

  test('by a pattern without a match, or of everything, is refused', () => {
    expect(() => choose(path, ['*.layers.0.*'])).toThrow(UsageError);
    expect(() => choose(path, ['*.layers.0.*'])).toThrow(
      /'\*\.layers\.0\.\*' matches none of the 41 parameters.*bert\.embeddings/,
    );
    expect(() => choose(path, ['*'])).toThrow(/leaves none of 41 parameters/);
  });
});

test('float tensors that are no weights are listed with the reason', () => {
  const model = openModel(fixture('encoders', 'bert', 'torchscript'));
  const graph = toGraph(model);
  const node = (name: string) => graph.nodes.find((n) => n.name === name)!;
  node('/classifier/Gemm').inputs.splice(0, 3, '/bert/pooler/Gather_output_0', 'classifier.weight');
  node('/bert/pooler/Gather').inputs[1] = 'classifier.bias';
  const types = node('/bert/embeddings/token_type_embeddings/Gather');
  types.op = 'Add';
  types.inputs = ['bert.embeddings.token_type_embeddings.weight', '/bert/embeddings/word_embeddings/Gather_output_0'];
  graph.initializers.set(types.inputs[0]!, Tensor.of('float32', new Float32Array(64), [2, 32]));
  const reasons = new Map(chooseParameters(model, graph).leftOut.map(({ name, reason }) => [name, reason]));
  expect(reasons.get('bert.pooler.dense.weight')).toBe("does not reach the output 'logits'");
  expect(reasons.get('classifier.bias')).toBe("no derivative flows through input 1 of Gather '/bert/pooler/Gather'");
  expect(reasons.get(types.inputs[0]!)).toMatch(/a table of constants/);
  expect(reasons.size).toBe(4);
});

test('a model without a float output or without weights is refused', () => {
  const model = openModel(fixture('encoders', 'bert', 'torchscript'));
  const graph = toGraph(model);
  graph.initializers.clear();
  expect(() => chooseParameters(model, graph)).toThrow(/nothing to train/);
  graph.outputs = [];
  expect(() => logitsOf(graph)).toThrow(/no float output/);
});

test('all families and exporters are covered', () => {
  expect(encoders).toHaveLength(families.length * exporters.length);
});
