// Masked language modelling through the trainer, end to end: what is learnt, saved, measured, resumed and gone on with.

import { mkdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { predict } from '#ortune/commands/predict.js';
import type { MaskedLmResult } from '#ortune/metrics/masked-tokens.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const problem = smallProblem();
const { path, write } = problem;

// A text says one word over and over, so what is masked can be known from the rest.
const words = 'ant bee cat dog eel fox gnu hen ibis jay kite lark mole newt owl pig'.split(' ');
const text = (i: number): string => Array.from({ length: 8 + (i % 5) }, () => words[i % words.length]).join(' ');
const jsonl = (count: number, offset: number): string =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify({ text: text(i * 7 + offset), next: text(i * 7 + offset + 1), weight: 1 + (i % 2) }),
  ).join('\n');
write('train.jsonl', jsonl(96, 0));
write('dev.jsonl', jsonl(24, 3));
const tokenizer = buildWordPiece(
  words.map((word) => `${word} ${word}`),
  { minFrequency: 1, maxLength: 32 },
);
const size = { layers: 1, hidden: 32, heads: 2, positions: 32, dropout: 0, tokenizer } as const;
mkdirSync(path('masked'));
writeEncoder(path('masked'), { ...size, head: 'language-model' });
writeEncoder(path('trunk'), { ...size, head: 'none', storage: 'float16' });

const config = newRuns(path, {
  task: 'masked-lm',
  model: path('masked'),
  batchSize: 8,
  warmupRatio: 0,
  learningRate: 3e-3,
});
const masked = (metrics: unknown) => metrics as MaskedLmResult;
const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

describe('a run', () => {
  it('learns to find masked tokens and measures it as the saved file does', async () => {
    const { result, losses } = await train(config({ epochs: 16, eval: path('dev.jsonl') }));
    const { metrics } = result;
    expect(losses[0]).toBeGreaterThan(3);
    const targets = Array.from({ length: 24 }, (_, i) => Math.round(0.15 * (8 + ((i * 7 + 3) % 5))));
    expect(masked(metrics)).toMatchObject({ samples: 24, masked: targets.reduce((a, b) => a + b) });
    expect(masked(metrics).perplexity).toBeCloseTo(Math.exp(metrics!.loss), 9);
    expect(metrics!.loss).toBeLessThan(2);
    const saved = await evaluate({ task: 'masked-lm', model: result.output, data: path('dev.jsonl'), batchSize: 5 });
    expect(saved.metrics.loss).toBeCloseTo(metrics!.loss, 5);
    expect(saved.metrics.accuracy).toBe(masked(metrics).accuracy);
    expect(json(`${result.output}/config.json`).architectures).toEqual(['BertForMaskedLM']);
  });

  it('goes on from an encoder without a head, and a classifier goes on from it', async () => {
    const { result, warnings } = await train(config({ model: path('trunk'), epochs: 1 }));
    expect(warnings).toContain("added a language-model head tied to the word embedding for 'last_hidden_state'");
    const graph = toGraph(openModel(result.output));
    expect(graph.outputs.map(({ name }) => name)).toEqual(['logits']);
    const labels = write(
      'labels.csv',
      `text,label\n${words.map((word, i) => `${word},${i % 2 ? 'odd' : 'even'}`).join('\n')}\n`,
    );
    const classifier = await train({
      ...config({ task: 'text-classification', model: result.output, epochs: 1 }),
      train: labels,
    });
    const [first] = await predict({ model: classifier.result.output }, ['ant']);
    expect(['odd', 'even']).toContain(first!.label);
  });

  it('masks alike with one worker and with four, and when it is resumed', async () => {
    const whole = config({ epochs: 2, wholeWordMask: true, saveSteps: 8, saveTotalLimit: 3 });
    const { bits, losses } = await train(whole);
    expect((await train(config({ ...whole, output: path('four'), workers: 4 }))).bits).toBe(bits);
    const resumed = await train({ ...whole, resume: `${whole.output}/checkpoints/step-8` });
    expect(resumed.bits).toBe(bits);
    expect(resumed.losses).toEqual(losses.slice(8));
  });

  it('masks anew in every epoch', async () => {
    const twice = config({ epochs: 2, batchSize: 96, sampling: 'sequential', learningRate: 1e-12 });
    const { losses } = await train(twice);
    expect(losses[0]).not.toBeCloseTo(losses[1]!, 4);
  });

  it('divides by the masked tokens of all batches of a step, each times the weight of its sample', async () => {
    const fixed = { sampling: 'sequential', groupByLength: false, maxSteps: 1, weightColumn: 'weight' } as const;
    const once = await train(config({ ...fixed, batchSize: 16 }));
    const added = await train(config({ ...fixed, batchSize: 4, gradientAccumulationSteps: 4 }));
    expect(Math.abs(added.losses[0]! / once.losses[0]! - 1)).toBeLessThan(1e-6);
  });

  it('learns next sentences beside it', async () => {
    const { result } = await train(
      config({ nextSentence: true, pairColumn: 'next', epochs: 1, eval: path('dev.jsonl') }),
    );
    const { nextSentence, loss } = masked(result.metrics);
    expect(result.trainLoss).toBeGreaterThan(loss * 0.8);
    expect(nextSentence!.loss).toBeLessThan(1);
    const options = {
      task: 'masked-lm',
      nextSentence: true,
      pairColumn: 'next',
      data: path('dev.jsonl'),
      batchSize: 8,
    } as const;
    const saved = masked((await evaluate({ ...options, model: result.output })).metrics);
    expect(saved.loss).toBeCloseTo(loss, 5);
    expect(saved.nextSentence!.loss).toBeCloseTo(nextSentence!.loss, 5);
    expect(saved.nextSentence!.accuracy).toBe(nextSentence!.accuracy);
    expect(json(`${result.output}/config.json`).architectures).toEqual(['BertForPreTraining']);
  });

  it('reads texts from a stream', async () => {
    const inOrder = { sampling: 'sequential', groupByLength: false, epochs: 1 } as const;
    const streamed = await train(config({ ...inOrder, streaming: true, shuffleBuffer: 32 }));
    expect(streamed.losses).toEqual((await train(config(inOrder))).losses);
  });
});

describe('what cannot be is refused with what to do', () => {
  it.each([
    [{ nextSentence: true }, /'nextSentence' needs 'pairColumn'/],
    [{ classWeights: 'balanced' }, /'classWeights' is for classes, and task masked-lm has none/],
    [{ sampling: 'balanced' }, /'sampling' balanced is for classes/],
    [{ labelSmoothing: 0.1 }, /'labelSmoothing' is for classes/],
    [{ metricForBestModel: 'f1', eval: 'x' }, /must be one of loss, perplexity, accuracy, found "f1"/],
    [{ mlmProbability: 0.9 }, /'mlmProbability' must be a number/],
    [{ task: 'text-classification', wholeWordMask: true }, /'wholeWordMask' is for task masked-lm/],
  ] as const)('%j', (options, message) => {
    expect(() => new Trainer(config(options as object))).toThrow(message);
  });

  it('a tokenizer without a mask token', async () => {
    const { added_tokens, ...rest } = json(path('masked/tokenizer.json'));
    writeEncoder(path('maskless'), { ...size, head: 'language-model' });
    const vocab = Object.fromEntries(
      Object.entries(rest.model.vocab).map(([token, id]) => [token === '[MASK]' ? 'mmm' : token, id]),
    );
    const without = { ...rest, added_tokens: added_tokens.slice(0, 4), model: { ...rest.model, vocab } };
    write('maskless/tokenizer.json', JSON.stringify(without));
    write('maskless/tokenizer_config.json', '{}');
    await expect(train(config({ model: path('maskless'), epochs: 1 }))).rejects.toThrow(
      /tokenizer.json cannot be used: it names no mask token, which masking needs/,
    );
  });

  it('a classifier', async () => {
    await expect(train(config({ model: path('encoder'), epochs: 1 }))).rejects.toThrow(
      /a language model needs an output last_hidden_state/,
    );
    const options = { task: 'masked-lm', model: path('encoder'), data: path('dev.jsonl') } as const;
    await expect(evaluate(options)).rejects.toThrow(
      /not of shape \[batch, sequence, vocabulary\]; is this a masked language model/,
    );
  });

  it('labels from a language model', async () => {
    await expect(predict({ task: 'text-classification', model: path('masked') }, ['ant'])).rejects.toThrow(
      /has the shape \[.*\], expected \[batch, labels\]/,
    );
  });

  it('next sentences of a model that does not tell them, and an evaluation of them without pairs', async () => {
    const options = { task: 'masked-lm', nextSentence: true, model: path('masked'), data: path('dev.jsonl') } as const;
    await expect(evaluate({ ...options, pairColumn: 'next' })).rejects.toThrow(/no output 'seq_relationship_logits'/);
    await expect(evaluate(options)).rejects.toThrow(/'nextSentence' needs 'pairColumn'/);
    const labels = { ...options, task: 'text-classification' } as const;
    await expect(evaluate(labels)).rejects.toThrow(/'nextSentence' is for task masked-lm/);
  });
});
