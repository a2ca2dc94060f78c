// A small encoder that learns which questions and answers belong together: measured during the run and from the saved
// file, whose vectors the transformers library gives too.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { describe, expect, it } from 'vitest';
import { embedTexts } from '#ortune/commands/embed.js';
import { loadModel } from '#ortune/commands/predict.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import type { SimilarityPrediction, SimilarityResult } from '#ortune/tasks/tasks.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { temporaryDirectory } from '../support/temporary.js';

env.allowRemoteModels = false;

const directory = temporaryDirectory('similarity');
const path = (name: string): string => join(directory, name);

const animals = ['cat', 'dog', 'cow', 'duck', 'lion', 'bee', 'owl', 'frog'];
const sounds = ['meow', 'woof', 'moo', 'quack', 'roar', 'buzz', 'hoot', 'croak'];
const places = ['in the house', 'near the river', 'at night', 'by the old barn', 'on a hill', 'under a tree'];

const rows = Array.from({ length: 48 }, (_, i) => {
  const [k, place] = [i % animals.length, places[Math.floor(i / animals.length)]!];
  return {
    question: `what does the ${animals[k]} say ${place}`,
    answer: `${sounds[k]} ${place}`,
    other: `${sounds[(k + 3) % sounds.length]} ${place}`,
    score: 1,
  };
});
const write = (name: string, of: readonly object[]): string => {
  writeFileSync(path(name), of.map((row) => JSON.stringify(row)).join('\n'));
  return path(name);
};
write('train.jsonl', rows.slice(8));
write('dev.jsonl', rows.slice(0, 8));
write(
  'scored.jsonl',
  rows.flatMap(({ question, answer, other }) => [
    { question, answer, score: 1 },
    { question, answer: other, score: 0.1 },
  ]),
);
const texts = rows.flatMap(({ question, answer }) => [question, answer]);
const tokenizer = buildWordPiece(texts, { vocabulary: 90, minFrequency: 1, maxLength: 32 });
writeEncoder(path('encoder'), { layers: 1, hidden: 32, heads: 2, positions: 32, dropout: 0, tokenizer, head: 'none' });

const options = {
  task: 'sentence-similarity',
  model: path('encoder'),
  textColumn: 'question',
  pairColumn: 'answer',
  train: path('train.jsonl'),
  eval: path('dev.jsonl'),
  output: path('run'),
  epochs: 12,
  batchSize: 8,
  learningRate: 5e-3,
  threads: 1,
} as const;
const { task, textColumn, pairColumn } = options;
const single = { question: 'what is that', kind: 'none' };

describe('sentence similarity', () => {
  it('learns pairs, measures them as the saved file does, and predicts', async () => {
    const result = await new Trainer(options).run();
    const metrics = result.metrics as SimilarityResult;
    expect(metrics.samples).toBe(8);
    expect(metrics.retrieval).toMatchObject({ queries: 8, documents: 8 });
    expect(metrics.retrieval!['mrr@10']).toBeGreaterThan(0.9);
    const data = path('dev.jsonl');
    const saved = await evaluate<'sentence-similarity'>({
      task,
      model: result.output,
      data,
      batchSize: 8,
      textColumn,
      pairColumn,
    });
    expect(saved.metrics.loss).toBeCloseTo(metrics.loss, 5);
    expect(saved.metrics.retrieval).toEqual(metrics.retrieval);
    // A corpus with what answers other questions, and with what is known already.
    const documents = [...rows.slice(8), rows[0]!].map(({ answer }) => ({ question: '', answer }));
    const searched = await evaluate<'sentence-similarity'>({
      ...{ task, model: result.output, textColumn, pairColumn, batchSize: 8 },
      data: [path('dev.jsonl'), write('corpus.jsonl', documents)],
    });
    expect(searched.metrics).toMatchObject({ samples: 8, retrieval: { queries: 8, documents: 48 } });
    expect(searched.metrics.retrieval!['map@100']).toBeLessThan(metrics.retrieval!['map@100']!);
    expect(searched.metrics.loss).toBeGreaterThan(0);
    const model = await loadModel(result.output);
    try {
      const { question, answer, other } = rows[0]!;
      const [near, far, alone] = await model.predict<SimilarityPrediction>([
        { text: question, pair: answer },
        { text: question, pair: other },
        question,
      ]);
      expect(near!.score).toBeGreaterThan(far!.score! + 0.2);
      expect(alone!.embedding).toHaveLength(32);
      const embed = await pipeline('feature-extraction', join(result.output), { dtype: 'fp32' });
      const given = await embed(question, { pooling: 'mean', normalize: false });
      for (const [i, value] of (given.data as Float32Array).entries())
        expect(alone!.embedding![i]).toBeCloseTo(value, 4);
      await embed.dispose();
    } finally {
      await model.close();
    }
    expect(JSON.parse(readFileSync(join(result.output, '1_Pooling/config.json'), 'utf8'))).toMatchObject({
      word_embedding_dimension: 32,
      pooling_mode_mean_tokens: true,
    });
  });

  it('learns scores with prompts, which the directory keeps, and embeds with them', async () => {
    const trainer = new Trainer({
      ...options,
      scoreColumn: 'score',
      train: path('scored.jsonl'),
      eval: path('scored.jsonl'),
      output: path('scores'),
      pooling: 'cls',
      normalize: true,
      queryPrompt: 'what ',
      maxSteps: 20,
      evalStrategy: 'steps',
      evalSteps: 20,
    });
    const notes: string[] = [];
    trainer.on('warning', ({ message }) => notes.push(message));
    const scored = await trainer.run();
    expect(notes.join('\n')).toMatch(/prompts: "what " goes before texts of textColumn/);
    // The same pairs are learnt from and measured.
    expect(notes.join('\n')).toMatch(/96 .*(training|train)/);
    expect((scored.metrics as SimilarityResult).spearman).toBeGreaterThan(0.3);
    const model = scored.output;
    const plain = await embedTexts({ model }, ['what dog', 'dog']);
    const prompted = await embedTexts({ model, prompt: 'query' }, ['dog']);
    expect(prompted.size).toBe(32);
    const near = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((value, i) => value - b[i]!));
    expect(near(prompted.data, plain.data.subarray(0, 32))).toBeLessThan(1e-5);
    expect(near(prompted.data, plain.data.subarray(32))).toBeGreaterThan(1e-3);
    expect(Math.hypot(...prompted.data)).toBeCloseTo(1, 5);
    const short = await embedTexts({ model, dimensions: 8 }, ['dog']);
    expect(short.size).toBe(8);
    expect(Math.hypot(...short.data)).toBeCloseTo(1, 5);
    await expect(embedTexts({ model, prompt: 'passage' }, ['dog'])).rejects.toThrow(
      /no prompt 'passage'; it has query/,
    );
    await expect(embedTexts({ model, dimensions: 33 }, ['dog'])).rejects.toThrow(/vectors have 32 numbers/);
  });

  it('learns classes, and finds the texts of a class by each other', async () => {
    // The animals stand for classes, in numbers; the last class of the training data has one text.
    const classed = [...rows.map(({ question }, i) => ({ question, kind: i % animals.length })), single];
    const { pairColumn: _, ...alone } = options;
    const trainer = new Trainer({
      ...{ ...alone, classColumn: 'kind', train: write('classes.jsonl', classed) },
      ...{ eval: write('classes-dev.jsonl', classed.slice(0, 24)), output: path('classes'), maxSteps: 30 },
      ...{ evalStrategy: 'steps', evalSteps: 30, batchSize: 8, threads: 1 },
    } as const);
    const notes: string[] = [];
    trainer.on('warning', ({ message }) => notes.push(message));
    const result = await trainer.run();
    expect(notes.join('\n')).toMatch(/1 of 9 classes have one text, .* such as 'none' \(.*classes\.jsonl:49\)/);
    const metrics = result.metrics as SimilarityResult;
    expect(metrics.retrieval).toMatchObject({ queries: 24, documents: 24 });
    expect(metrics.retrieval!['map@100']).toBeGreaterThan(0.8);
    const saved = await evaluate<'sentence-similarity'>({
      ...{ task, model: result.output, data: path('classes-dev.jsonl'), batchSize: 8, textColumn },
      classColumn: 'kind',
    });
    expect(saved.metrics.loss).toBeCloseTo(metrics.loss, 4);
    expect(saved.metrics.retrieval!['map@100']).toBeCloseTo(metrics.retrieval!['map@100']!, 5);
    // A prompt goes before them.
    const measured = { task, model: result.output, batchSize: 8, textColumn, classColumn: 'kind' } as const;
    const prompted = await evaluate<'sentence-similarity'>({
      ...{ ...measured, data: path('classes-dev.jsonl'), queryPrompt: 'the river ' },
    });
    const longer = classed.slice(0, 24).map((row) => ({ ...row, question: `the river ${row.question}` }));
    const data = write('classes-longer.jsonl', longer);
    const written = await evaluate<'sentence-similarity'>({ ...measured, data, pooling: 'mean' });
    expect(Math.abs(prompted.metrics.loss - saved.metrics.loss)).toBeGreaterThan(1e-3);
    expect(prompted.metrics.loss).toBeCloseTo(written.metrics.loss, 4);
  });

  it.each([
    [[single, { ...single, kind: 'b' }], /each of the 2 classes of 'classColumn' has one text/],
    [[single, single], /all 2 texts are of the class 'none'/],
    [[single, { ...single, kind: '' }], /bad-classes\.jsonl:2: column 'kind' must hold a label/],
  ])('refuses classes that nothing is learnt from: %j', async (of, says) => {
    const { pairColumn: _, ...alone } = options;
    const train = write('bad-classes.jsonl', of);
    const run = { ...alone, train, eval: undefined, classColumn: 'kind', output: path('bad-classes'), threads: 1 };
    await expect(new Trainer(run).run()).rejects.toThrow(says);
  });

  it('compares all samples of a step with gradientCache, as one large batch does', async () => {
    const losses = async (batches: object, output: string): Promise<number[]> => {
      const trainer = new Trainer({
        ...{ ...options, eval: undefined, scoreColumn: 'score', train: path('scored.jsonl') },
        ...{ groupByLength: false, maxSteps: 3, threads: 1, output: path(output), ...batches },
      });
      const found: number[] = [];
      trainer.on('step', ({ loss }) => found.push(loss));
      await trainer.run();
      return found;
    };
    const whole = await losses({ batchSize: 16 }, 'whole');
    const cached = await losses({ batchSize: 4, gradientAccumulationSteps: 4, gradientCache: true }, 'cached');
    expect(new Set(whole).size).toBe(3);
    for (const [step, loss] of whole.entries()) expect(cached[step]).toBeCloseTo(loss, 4);
  });

  it('refuses an empty text by its line, and a model that scores words', async () => {
    const train = write('bad.jsonl', [rows[0]!, { question: 'what', answer: '\t ' }]);
    const run = new Trainer({ ...options, train, eval: undefined, output: path('bad') }).run();
    await expect(run).rejects.toThrow(/bad\.jsonl:2: the text of pairColumn is empty/);
    const alone = write('alone.jsonl', [rows[0]!, { question: ' ', answer: 'a document' }]);
    const learning = new Trainer({ ...options, train: alone, eval: undefined, output: path('bad') }).run();
    await expect(learning).rejects.toThrow(/alone\.jsonl:2: the text of textColumn is empty/);
    await expect(embedTexts({ model: 'models/tiny-en' }, ['dog'])).rejects.toThrow(
      /no output gives a vector for each token/,
    );
  });
});
