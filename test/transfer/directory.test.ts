import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { describe, expect, test } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import { ensureHead } from '#ortune/heads/classification.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { taskNamed } from '#ortune/tasks/tasks.js';
import { dropoutOf, type ModelConfig, maxPositions, readModelConfig } from '#ortune/transfer/config.js';
import { writeModelDirectory } from '#ortune/transfer/directory.js';
import { chooseParameters, type Parameter } from '#ortune/transfer/parameters.js';
import { maskedFixtures, readGolden } from '../golden.js';
import { type Family, fixture } from '../support/exported.js';
import { sampleWords, wordPiece } from '../support/tokenizers.js';

env.allowRemoteModels = false;

const fresh = () => mkdtempSync(join(tmpdir(), 'ortune-directory-'));
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'));

/** A model directory around a fixture. */
function directoryOf(family: Family, config: object): string {
  const directory = fresh();
  mkdirSync(join(directory, 'onnx'));
  cpSync(fixture('encoders', family, 'dynamo'), join(directory, 'onnx', 'model.onnx'));
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  const files = wordPiece(sampleWords);
  writeFileSync(join(directory, 'tokenizer.json'), JSON.stringify(files.tokenizer));
  writeFileSync(join(directory, 'tokenizer_config.json'), JSON.stringify(files.config));
  return directory;
}

const classifierConfig = (config: ModelConfig, labels: readonly string[]): ModelConfig =>
  taskNamed('text-classification').config(config, labels, {});

describe('a model directory', () => {
  test('is written so that transformers.js opens and runs it', async () => {
    const source = directoryOf('bert', { model_type: 'bert', hidden_size: 32, vocab_size: 320 });
    const { model } = ensureHead(openModel(source), { labels: 2, seed: 0 });
    const target = fresh();
    const bias = Tensor.of('float32', [0, 50]);
    const file = writeModelDirectory(model, target, new Map([['classifier.bias', bias]]), {
      config: classifierConfig(readModelConfig(source), ['ham', 'spam']),
    });
    expect(file).toBe(join(target, 'onnx', 'model.onnx'));
    expect(json(target, 'config.json')).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      hidden_size: 32,
      num_labels: 2,
      id2label: { 0: 'ham', 1: 'spam' },
      label2id: { ham: 0, spam: 1 },
    });
    expect(json(target, 'tokenizer.json')).toEqual(json(source, 'tokenizer.json'));
    const classify = await pipeline('text-classification', target, { dtype: 'fp32' });
    expect(await classify('the free money')).toMatchObject([{ label: 'spam' }]);
    await classify.dispose();
  });

  test('holds a trained weight in every copy of it', () => {
    const source = directoryOf('albert', { model_type: 'albert' });
    const model = openModel(source);
    const { trainable } = chooseParameters(model, toGraph(model));
    const shared = trainable.find(({ copies }) => copies.length > 0)!;
    const weight = Tensor.of('float32', new Float32Array(32 * 64).fill(0.25), shared.shape);
    const target = fresh();
    writeModelDirectory(model, target, new Map([[shared.name, weight]]), {
      config: {},
      copies: trainable,
    });
    const saved = toGraph(openModel(target)).initializers;
    for (const name of [shared.name, ...shared.copies]) expect(saved.get(name)!.numbers()).toEqual(weight.numbers());
  });

  test.each(maskedFixtures)('holds the tied weight of $family from $exporter at each of its places', (fixture) => {
    const { file, parameters } = readGolden(fixture);
    const { shape, places } = parameters.find(({ name }) => name.endsWith('word_embeddings.weight'))!;
    const model = openModel(file);
    const { trainable } = chooseParameters(model, toGraph(model));
    const [{ name }, ...others] = trainable.filter((p) => places.some((place) => place.name === p.name)) as [Parameter];
    expect(others).toEqual([]);
    const [rows, columns] = shape as [number, number];
    const values = Float32Array.from({ length: rows * columns }, (_, i) => i);
    const target = fresh();
    writeModelDirectory(model, target, new Map([[name, Tensor.of('float32', values, shape)]]), {
      config: {},
      copies: trainable,
    });
    const saved = toGraph(openModel(target)).initializers;
    for (const place of places) {
      const found = saved.get(place.name)!;
      expect(found.shape).toEqual(place.transposed ? [columns, rows] : [rows, columns]);
      const at = (i: number) => (place.transposed ? (i % rows) * columns + Math.floor(i / rows) : i);
      expect(found.numbers()).toEqual(Array.from(values, (_, i) => values[at(i)]!));
    }
  });

  test('may be written over the one that was read, and without a configuration or tokenizer', () => {
    const source = directoryOf('bert', { model_type: 'bert' });
    writeModelDirectory(openModel(source), source, new Map(), { config: { num_labels: 3 } });
    expect(json(source, 'config.json').num_labels).toBe(3);
    const bare = fresh();
    cpSync(fixture('encoders', 'bert', 'dynamo'), join(bare, 'some.onnx'));
    const target = fresh();
    writeModelDirectory(openModel(join(bare, 'some.onnx')), target, new Map(), {
      config: classifierConfig({}, ['a', 'b', 'c']),
    });
    expect(json(target, 'config.json').architectures).toBeUndefined();
    expect(existsSync(join(target, 'tokenizer.json'))).toBe(false);
  });
});

describe('a configuration', () => {
  test('may be missing, but not broken', () => {
    const directory = fresh();
    expect(readModelConfig(directory)).toEqual({});
    writeFileSync(join(directory, 'config.json'), '{');
    expect(() => readModelConfig(directory)).toThrow(ModelError);
    writeFileSync(join(directory, 'config.json'), '[]');
    expect(() => readModelConfig(directory)).toThrow(/expected a JSON object/);
    mkdirSync(join(directory, 'sub', 'config.json'), { recursive: true });
    expect(() => readModelConfig(join(directory, 'sub'))).toThrow(/is a folder, not a file/);
  });

  test('names the classifier of its family', () => {
    const named = (model_type: string) => classifierConfig({ model_type }, ['a', 'b']).architectures;
    expect(named('distilbert')).toEqual(['DistilBertForSequenceClassification']);
    expect(named('electra')).toEqual(['ElectraForSequenceClassification']);
  });

  test('tells how long texts may be', () => {
    expect(maxPositions({ model_type: 'bert', max_position_embeddings: 512 })).toBe(512);
    expect(maxPositions({ model_type: 'roberta', max_position_embeddings: 514, pad_token_id: 1 })).toBe(512);
    expect(maxPositions({})).toBe(Number.POSITIVE_INFINITY);
    const table = { alias: 'bert.embeddings.position_embeddings.weight', shape: [40, 32] };
    expect(maxPositions({}, [{ alias: 'x', shape: [2] }, table])).toBe(40);
  });

  test('tells the dropout of its training, 0.1 where it does not', () => {
    expect(dropoutOf({})).toEqual({ hidden: 0.1, attention: 0.1, head: 0.1 });
    const bert = { hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.3, classifier_dropout: null };
    expect(dropoutOf(bert)).toEqual({ hidden: 0.2, attention: 0.3, head: 0.2 });
    const distilbert = { dropout: 0.1, attention_dropout: 0, seq_classif_dropout: 0.25 };
    expect(dropoutOf(distilbert)).toEqual({ hidden: 0.1, attention: 0, head: 0.25 });
  });
});
