import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ClassificationResult } from '#ortune/metrics/classification.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { convertFloat } from '#ortune/onnx/convert.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { fileTensors, saveModel } from '#ortune/onnx/save.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { fixture } from '../support/exported.js';
import { smallProblem } from '../support/small-problem.js';
import { modelFile, newRuns, train, weightHashes } from '../support/train.js';

const problem = smallProblem();
const { path, write } = problem;

const config = newRuns(path, { batchSize: 8, warmupRatio: 0 });

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
const records = (output: string) =>
  readFileSync(`${output}/metrics.jsonl`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** What training changed and what it left, by name. */
function compare(before: string, after: string): { same: string[]; changed: string[] } {
  const [old, trained] = [weightHashes(before), weightHashes(after)];
  const shared = [...old.keys()].filter((name) => trained.has(name));
  return {
    same: shared.filter((name) => old.get(name) === trained.get(name)),
    changed: shared.filter((name) => old.get(name) !== trained.get(name)),
  };
}

const isHead = (name: string) => name.startsWith('classifier.');

describe('a run', () => {
  it('changes every weight of an unfrozen model, reports each step and keeps the files of the model', async () => {
    const steps: number[] = [];
    const options = config({ epochs: 1, eval: path('test.csv') });
    const { result, losses } = await train(options, { onStep: (step) => steps.push(step) });
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(result).toMatchObject({ steps: 8, epochs: 1, interrupted: false, truncated: 0, output: path('run0/model') });
    expect(result.trainLoss).toBeCloseTo(losses.reduce((a, b) => a + b) / 8, 6);
    expect(result.firstStepSeconds).toBeGreaterThan(0);
    expect(result.firstStepSeconds).toBeLessThan(result.seconds);
    const { same } = compare(path('encoder'), result.output);
    // The key's bias moves all scores of a row alike, so softmax and the loss do not depend on it; rounding may.
    expect(same.filter((name) => !name.endsWith('key.bias'))).toEqual([]);
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      expect(readFileSync(`${result.output}/${file}`)).toEqual(readFileSync(path(`encoder/${file}`)));
    const events = records(options.output);
    expect(events.filter((e) => e.event === 'step').map((e) => e.loss)).toEqual(losses);
    expect(events.filter((e) => e.event === 'evaluation')).toHaveLength(1);
    expect(events.find((e) => e.event === 'evaluation').metrics).toEqual(result.metrics);
  });

  it('measures the test data where there is some, else the evaluation data after the last step', async () => {
    const named: string[] = [];
    const options = config({ maxSteps: 2, eval: path('train.jsonl'), test: path('test.csv') });
    const trainer = new Trainer(options).on('evaluation', ({ name }) => named.push(name));
    const { metrics } = await trainer.run();
    expect(named).toEqual(['eval', 'test']);
    expect(metrics!.samples).toBe(20);
    const plain = await train(config({ maxSteps: 2 }));
    expect(plain.result.metrics).toBeUndefined();
  });

  it('of no steps evaluates and saves the model as it was opened', async () => {
    const named: string[] = [];
    const options = config({ maxSteps: 0, eval: path('train.jsonl'), test: path('test.csv') });
    const trainer = new Trainer(options).on('evaluation', ({ name, step }) => named.push(`${name} ${step}`));
    const result = await trainer.run();
    expect(named).toEqual(['eval 0', 'test 0']);
    expect(result).toMatchObject({ steps: 0, interrupted: false, metrics: { samples: 20 } });
    expect(compare(path('encoder'), result.output).changed).toEqual([]);
    expect(records(options.output).filter(({ event }) => event === 'evaluation')).toHaveLength(2);
    const quiet = await train(config({ maxSteps: 0, eval: path('train.jsonl'), evalStrategy: 'no' }));
    expect(quiet.result.metrics).toBeUndefined();
  });

  it('follows the schedule', async () => {
    const rates: number[] = [];
    const options = config({ maxSteps: 10, warmupSteps: 4, learningRate: 1e-3 });
    await new Trainer(options).on('step', ({ learningRate }) => rates.push(learningRate)).run();
    expect(rates.map((rate) => Math.round(rate * 1e6))).toEqual([0, 250, 500, 750, 1000, 833, 667, 500, 333, 167]);
  });

  it('counts a cut text once, however many epochs there are', async () => {
    const long = { text: 'free cash '.repeat(40), label: 'spam' };
    const data = [long, { text: 'the patch', label: 'ham' }, long].map((row) => JSON.stringify(row)).join('\n');
    const { result, warnings } = await train(config({ train: write('long.jsonl', data), epochs: 3 }));
    expect(result.truncated).toBe(2);
    expect(warnings).toEqual([
      '1 of 3 training texts repeat an earlier one',
      '2 texts were longer than 32 tokens and were cut',
    ]);
  });

  it('takes dropout from the configuration of the model where none is given', async () => {
    const options = config({ maxSteps: 1, dropout: { head: 0.3 } });
    await train(options);
    expect(json(`${options.output}/config.json`).dropout).toEqual({ hidden: 0.1, attention: 0.1, head: 0.3 });
  });

  it('keeps the order of the classes of a model that has them', async () => {
    const turned = path('turned');
    cpSync(path('encoder'), turned, { recursive: true });
    const { label2id: _, ...model } = json(`${turned}/config.json`);
    writeFileSync(`${turned}/config.json`, JSON.stringify({ ...model, id2label: { 0: 'spam', 1: 'ham' } }));
    const names: string[][] = [];
    const options = config({ model: turned, maxSteps: 1, eval: path('test.csv') });
    const trainer = new Trainer(options).on('start', (event) => names.push([...event.labels]));
    const { metrics } = await trainer.run();
    expect(names).toEqual([['spam', 'ham']]);
    expect((metrics as ClassificationResult).classes.map((c) => c.label)).toEqual(['spam', 'ham']);
    expect(json(`${options.output}/model/config.json`).id2label).toEqual({ 0: 'spam', 1: 'ham' });
  });
});

describe('freezing', () => {
  it("'trunk' leaves every byte but the head's", async () => {
    const { result } = await train(config({ maxSteps: 3, freeze: 'trunk' }));
    const { same, changed } = compare(path('encoder'), result.output);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter((name) => !isHead(name))).toEqual([]);
    expect(same.filter(isHead)).toEqual([]);
  });

  it('patterns leave what they name and train the rest', async () => {
    const frozen = /embeddings|attention/;
    const { result } = await train(config({ maxSteps: 3, freeze: ['*embeddings*', '*attention*'] }));
    const { same, changed } = compare(path('encoder'), result.output);
    expect(same.length).toBeGreaterThan(10);
    expect(same.every((name) => frozen.test(name))).toBe(true);
    expect(changed.length).toBeGreaterThan(6);
    expect(changed.some((name) => frozen.test(name))).toBe(false);
  });
});

describe('a random start', () => {
  const start = async (more: object) => {
    const { result } = await train(config({ init: 'random', maxSteps: 1, learningRate: 1e-12, seed: 5, ...more }));
    return new Map([...toGraph(openModel(result.output)).initializers].map(([name, t]) => [name, t.numbers()]));
  };

  it('leaves nothing of the weights of the file, whatever is frozen, and is decided by the seed', async () => {
    const weights = await start({});
    const old = toGraph(openModel(path('encoder'))).initializers;
    const matrices = [...weights].filter(([name]) => /(embeddings|dense|query|classifier)\.weight$/.test(name));
    expect(matrices.length).toBeGreaterThan(6);
    for (const [name, values] of matrices) expect(values, name).not.toEqual(old.get(name)!.numbers());
    expect(Math.max(...weights.get('bert.embeddings.LayerNorm.bias')!.map(Math.abs))).toBeLessThan(1e-9);
    const frozen = await start({ freeze: 'trunk' });
    for (const [name, values] of matrices)
      for (const [i, value] of frozen.get(name)!.entries()) expect(value, name).toBeCloseTo(values[i]!, 9);
    const other = await start({ seed: 6 });
    for (const [name, values] of matrices) expect(other.get(name), name).not.toEqual(values);
  });
});

describe('a head of another size', () => {
  it('is replaced, trained and named after the classes of the data', async () => {
    const rows = ['ham', 'spam', 'eggs'].flatMap((label) =>
      Array(4).fill(JSON.stringify({ text: `the ${label}`, label })),
    );
    const { result, warnings } = await train(config({ train: write('three.jsonl', rows.join('\n')), maxSteps: 2 }));
    expect(warnings.join('\n')).toMatch(/replaced the last layer 'classifier\.weight': 2 classes became 3/);
    const tensors = fileTensors(openModel(result.output));
    expect([tensors.get('classifier.weight')!.shape, tensors.get('classifier.bias')!.shape]).toEqual([[3, 32], [3]]);
    const written = json(`${result.output}/config.json`);
    expect(written).toMatchObject({ num_labels: 3, id2label: { 0: 'eggs', 1: 'ham', 2: 'spam' } });
    const { changed } = compare(path('encoder'), result.output);
    expect(changed).toContain('bert.pooler.dense.weight');
  });
});

describe('hidden layers of the head', () => {
  it('are trained and written, also over a head that fits', async () => {
    const { result, warnings } = await train(config({ headLayers: [16, 8], maxSteps: 3, eval: path('test.csv') }));
    expect(warnings[0]).toMatch(/^replaced the last layer 'classifier\.weight' by a head for 2 classes/);
    const tensors = fileTensors(openModel(result.output));
    expect(tensors.get('classifier.hidden.1.weight')!.shape).toEqual([8, 16]);
    expect(tensors.get('classifier.out_proj.weight')!.shape).toEqual([2, 8]);
    expect(tensors.has('classifier.weight')).toBe(false);
    const { metrics } = await evaluate({ model: result.output, data: path('test.csv') });
    expect(metrics.loss).toBeCloseTo(result.metrics!.loss, 5);
  });
});

describe('keeping the first layers', () => {
  const two = path('two-layers');
  cpSync(path('encoder'), two, { recursive: true });
  writeEncoder(two, { layers: 2, hidden: 32, heads: 2, positions: 32, vocabulary: 200, labels: ['ham', 'spam'] });

  it('trains and writes the smaller model', async () => {
    const { result, warnings } = await train(
      config({ model: two, keepLayers: 1, maxSteps: 2, eval: path('test.csv') }),
    );
    expect(warnings).toContain('kept the first 1 of 2 layers');
    expect(json(`${result.output}/config.json`).num_hidden_layers).toBe(1);
    const names = [...weightHashes(result.output).keys()];
    expect(names.some((name) => name.includes('layer.0'))).toBe(true);
    expect(names.some((name) => name.includes('layer.1'))).toBe(false);
    expect((await evaluate({ model: result.output, data: path('test.csv') })).metrics.loss).toBeCloseTo(
      result.metrics!.loss,
      5,
    );
  });

  it('refuses more than there are', async () => {
    await expect(train(config({ model: two, keepLayers: 3 }))).rejects.toThrow(
      /keepLayers 3: .* has 2 layers; choose a number from 1 to 2/,
    );
  });
});

describe('a language model', () => {
  it('is trained as a classifier with a new head in place of its own', async () => {
    const model = path('language-model');
    cpSync(path('encoder'), model, { recursive: true });
    writeEncoder(model, { layers: 1, hidden: 32, heads: 2, positions: 32, vocabulary: 200, head: 'language-model' });
    const { result, warnings } = await train(config({ model, maxSteps: 2, eval: path('test.csv') }));
    expect(warnings[0]).toMatch(/^replaced the language-model head 'bert\.embeddings\.word_embeddings\.weight'/);
    const written = json(`${result.output}/config.json`);
    expect(written).toMatchObject({ architectures: ['BertForSequenceClassification'], num_labels: 2 });
    expect(result.metrics!.samples).toBe(20);
  });
});

describe('an abort', () => {
  it('finishes the step under way and writes the model', async () => {
    const controller = new AbortController();
    const options = config({ epochs: 1000, eval: path('test.csv'), test: path('test.csv') });
    const { result, losses } = await train(options, {
      signal: controller.signal,
      onStep: (step) => step === 3 && controller.abort(),
    });
    expect(result).toMatchObject({ interrupted: true, steps: 3 });
    expect(result.metrics).toBeUndefined();
    expect(losses).toHaveLength(3);
    expect(records(options.output).filter(({ event }) => event === 'step')).toHaveLength(3);
    expect(existsSync(modelFile(result.output))).toBe(true);
    expect(compare(path('encoder'), result.output).changed.length).toBeGreaterThan(10);
  });

  it('ends an evaluation and writes the model', async () => {
    const controller = new AbortController();
    const trainer = new Trainer(config({ epochs: 2, eval: path('train.jsonl') }));
    const evaluations: string[] = [];
    trainer.on('epoch', () => controller.abort()).on('evaluation', ({ name }) => evaluations.push(name));
    const result = await trainer.run({ signal: controller.signal });
    expect(result).toMatchObject({ interrupted: true, steps: 8, epochs: 1 });
    expect(evaluations).toEqual([]);
    expect(existsSync(modelFile(result.output))).toBe(true);
  });

  it('before the first step rejects with its reason and writes nothing', async () => {
    const options = config();
    await expect(train(options, { signal: AbortSignal.abort(new Error('not today')) })).rejects.toThrow('not today');
    expect(existsSync(options.output)).toBe(false);
  });
});

describe('what an earlier run wrote', () => {
  it('stays until a new one has everything it needs, also with overwrite', async () => {
    const options = config({ maxSteps: 1 });
    await train(options);
    const before = readFileSync(`${options.output}/metrics.jsonl`, 'utf8');
    await expect(train(options)).rejects.toThrow(/holds a run already; choose another directory or set overwrite/);
    const again = { ...options, overwrite: true };
    await expect(train({ ...again, train: path('none.jsonl') })).rejects.toThrow(/none\.jsonl cannot be read/);
    await expect(train({ ...again, model: path('none') })).rejects.toThrow(/There is no model/);
    await expect(train({ ...again, freeze: 'nothing' })).rejects.toThrow(/'nothing' matches none/);
    expect(readFileSync(`${options.output}/metrics.jsonl`, 'utf8')).toBe(before);
    expect((await train({ ...again, maxSteps: 2 })).losses).toHaveLength(2);
  });

  it('that could not start leaves no directory that counts as a run', async () => {
    const options = config({ maxSteps: 1 });
    await expect(train({ ...options, train: path('none.jsonl') })).rejects.toThrow(/cannot be read/);
    expect((await train(options)).losses).toHaveLength(1);
  });

  it('cannot be where a file lies', async () => {
    const output = write('file', 'mine');
    await expect(train(config({ output, maxSteps: 1 }))).rejects.toThrow(/output .*file cannot be written/);
    expect(readFileSync(output, 'utf8')).toBe('mine');
  });
});

describe('a model that cannot be written', () => {
  it('is noticed before the second step where a file is in its place', async () => {
    const options = config({ maxSteps: 2 });
    mkdirSync(options.output);
    writeFileSync(`${options.output}/model`, 'mine');
    const steps: number[] = [];
    await expect(train(options, { onStep: (step) => steps.push(step) })).rejects.toThrow(/model is a file, not a dir/);
    expect(steps).toEqual([]);
    expect(readFileSync(`${options.output}/model`, 'utf8')).toBe('mine');
  });

  it('is reported by its directory', async () => {
    const options = config({ maxSteps: 1 });
    const block = () => {
      mkdirSync(`${options.output}/model`);
      writeFileSync(`${options.output}/model/onnx`, '');
    };
    await expect(train(options, { onStep: block })).rejects.toThrow(
      /the trained model cannot be written to .*run\d+\/model: E/,
    );
  });
});

describe('a model of another type than float32', () => {
  it('is refused by the first such parameter', async () => {
    const model = openModel(fixture('encoders', 'bert', 'torchscript'));
    const graph = toGraph(model);
    for (const [name, tensor] of graph.initializers)
      if (/query\.weight|MatMul/.test(name)) graph.initializers.set(name, convertFloat(tensor, 'float64'));
    cpSync(path('encoder'), path('double'), { recursive: true });
    writeFileSync(modelFile(path('double')), encodeGraph(graph));
    await expect(train(config({ model: path('double') }))).rejects.toThrow(/is float64; ortune trains float32 models/);
  });
});

describe('a loss that is not finite', () => {
  const spoilt = (name: string, tensor: string, value: number): string => {
    const model = openModel(path('encoder'));
    const { shape } = fileTensors(model).get(tensor)!;
    const data = new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(0.01);
    data[3] = value;
    saveModel(model, path(name), new Map([[tensor, Tensor.of('float32', data, [...shape])]]));
    return path(name);
  };

  const failure = async (more: object): Promise<string> => {
    const before = config(more);
    const file = readFileSync(modelFile(path('encoder')));
    const message = await train(before).then(
      () => 'nothing failed',
      (error: Error) => error.message,
    );
    expect(readFileSync(modelFile(path('encoder')))).toEqual(file);
    expect(existsSync(`${before.output}/model`)).toBe(false);
    return message;
  };

  it('names the step and the weight of the file that is not finite', async () => {
    cpSync(path('encoder'), path('broken'), { recursive: true });
    spoilt('broken/onnx/model.onnx', 'bert.embeddings.LayerNorm.weight', Number.NaN);
    const message = await failure({ model: path('broken') });
    expect(message).toMatch(
      /^step 1, epoch 1: the loss \(NaN\) is not finite, since the weight 'bert\.embeddings\.LayerNorm\.weight' of .*broken holds NaN/,
    );
    expect(message).not.toContain('learningRate');
  });

  it('names the first value of the graph that overflows', async () => {
    cpSync(path('encoder'), path('hot'), { recursive: true });
    spoilt('hot/onnx/model.onnx', 'bert.embeddings.LayerNorm.weight', 3e38);
    const message = await failure({ model: path('hot') });
    expect(message).toMatch(
      /^step 1, epoch 1: the loss \((NaN|Infinity)\) is not finite\. The batch is .*train\.jsonl lines (\d+, ){7}\d+; /,
    );
    expect(message).toContain('Lower learningRate (0.001)');
    expect(message).toMatch(/first bad tensor: value '\/bert\/embeddings\/LayerNorm\/LayerNormalization_output_0'/);
  });

  it('is what too high a learning rate ends in, with the step it happened at', async () => {
    const message = await failure({ learningRate: 1e25, maxGradNorm: 0 });
    expect(message).toMatch(/^step [2-9], epoch 1: the (loss|gradient norm) \(.*\) is not finite/);
    expect(message).toContain('Lower learningRate (1e+25)');
  });
});
