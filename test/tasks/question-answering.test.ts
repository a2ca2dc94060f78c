// What is said before a model learns to answer questions, the answers that a window's logits
// speak for, and that Python finds the same ones (make-scores.py).

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AutoModelForQuestionAnswering } from '@xenova/transformers';
import { describe, expect, it } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import type { Table } from '#ortune/data/table.js';
import { answeringFamilies, answerNotes } from '#ortune/tasks/answers/notes.js';
import type { AnswerPrediction } from '#ortune/tasks/answers/predictions.js';
import { answersOfText, answersOfWindow, nullOddsOf } from '#ortune/tasks/answers/spans.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('before training is said', () => {
  /** Questions with so many answers each. */
  const table = (...counts: number[]): Table => {
    const offsets = Uint32Array.from([0, ...counts]).map((_, i) => counts.slice(0, i).reduce((a, b) => a + b, 0));
    const values = new Uint32Array(2 * offsets.at(-1)!);
    return { count: counts.length, columns: { answers: { kind: 'ranges', offsets, values } } } as unknown as Table;
  };
  const config = { task: 'question-answering' };

  it('that transformers.js has no class for a family, but not of those that its own table has', () => {
    const said = answerNotes({ model_type: 'modernbert' }, config, [table(1)]);
    expect(said.join()).toMatch(/transformers\.js has no class for question answering with models of type modernbert/);
    expect(answerNotes({}, config, [table(1)]).join()).toMatch(/without model_type/);
    const maps = AutoModelForQuestionAnswering.MODEL_CLASS_MAPPINGS as unknown as Map<string, unknown>[];
    expect([...answeringFamilies].sort()).toEqual(maps.flatMap((map) => [...map.keys()]).sort());
  });

  it('that no threshold will be found for questions without an answer, where nothing gives one', () => {
    const bert = { model_type: 'bert' };
    expect(answerNotes(bert, config, [table(1, 0, 0), table(1)]).join()).toMatch(/2 questions of the training data/);
    expect(answerNotes(bert, config, [table(1, 0), table(0)])).toEqual([]);
    expect(answerNotes(bert, { ...config, nullThreshold: 1 }, [table(0)])).toEqual([]);
    expect(answerNotes(bert, config, [table(1, 2)])).toEqual([]);
  });
});

describe('answers of a window', () => {
  const text = 'ab  cd ef';
  // A null token, two of the question, three of the text, one that is padding.
  const view = (dtype: 'int32' | 'float32', values: readonly number[]) => ({
    dtype,
    shape: [1, values.length],
    data: dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values),
  });
  const inputs = new Map([
    ['starts', view('int32', [-1, -1, -1, 0, 3, 7, -1])],
    ['ends', view('int32', [-1, -1, -1, 2, 6, 9, -1])],
    ['null_positions', view('int32', [0])],
  ]);
  const results = {
    start: view('float32', [0, 9, 9, 1, 3, 0, 9]),
    end: view('float32', [0, 9, 9, 2, 1, 2.5, 9]),
  };
  const of = (count: number, maxLength = 30) => answersOfWindow(results, { inputs }, 0, text, { count, maxLength })!;

  it('are of the text alone, without white space at their ends, the likeliest first', () => {
    const { spans, nullScore } = of(3);
    expect(spans.map(({ start, end }) => text.slice(start, end))).toEqual(['cd ef', 'cd', 'ab  cd ef']);
    const [first, last] = [
      [0, 1, 3, 0],
      [0, 2, 1, 2.5],
    ].map((row) => row.reduce((sum, x) => sum + Math.exp(x), 0));
    expect(spans[0]!.score).toBeCloseTo(Math.exp(3 + 2.5) / (first! * last!), 9);
    expect(nullScore).toBeCloseTo(1 / (first! * last!), 9);
    expect(nullOddsOf({ spans, nullScore })).toBeCloseTo(-5.5, 9);
  });

  it('are no longer than is allowed', () => {
    const found = of(10, 1).spans.map(({ start, end }) => text.slice(start, end));
    expect(found).toEqual(['cd', 'ab', 'ef']);
  });

  it('of several windows come once each, with the larger score; none is as likely as in the window where it is least', () => {
    const span = (start: number, score: number) => ({ start, end: start + 1, score });
    const found = answersOfText(
      [
        { spans: [span(0, 0.5), span(1, 0.2)], nullScore: 0.3 },
        { spans: [span(1, 0.6), span(2, 0.1)], nullScore: 0.2 },
      ],
      2,
    );
    expect(found).toEqual({ spans: [span(1, 0.6), span(0, 0.5)], nullScore: 0.2 });
  });

  it('are none where the model gives no number', () => {
    const broken = { ...results, start: view('float32', [Number.NaN, 0, 0, 0, 0, 0, 0]) };
    expect(answersOfWindow(broken, { inputs }, 0, text, { count: 1, maxLength: 30 })).toBeUndefined();
  });
});

describe('a model directory', () => {
  interface Row {
    question: string;
    context: string;
    windows: number;
    nullScore: number;
    answers: { answer: string; score: number }[];
  }
  const fixture = (name: string): string =>
    fileURLToPath(new URL(`../fixtures/question-answering/${name}`, import.meta.url));

  it('gives the answers and scores that Python makes of it, in one window and in several', async () => {
    const { rows, maxLength, stride, maxAnswerLength, nBest } = JSON.parse(
      readFileSync(fixture('scores.json'), 'utf8'),
    ) as { rows: Row[]; maxLength: number; stride: number; maxAnswerLength: number; nBest: number };
    const directory = join(temporaryDirectory('python-answers'), 'model');
    mkdirSync(join(directory, 'onnx'), { recursive: true });
    cpSync(fixture('bert-torchscript.onnx'), join(directory, 'onnx/model.onnx'));
    cpSync(fixture('tokenizer.json'), join(directory, 'tokenizer.json'));
    writeFileSync(join(directory, 'tokenizer_config.json'), '{"tokenizer_class":"PreTrainedTokenizerFast"}');
    const architectures = ['BertForQuestionAnswering'];
    writeFileSync(join(directory, 'config.json'), JSON.stringify({ model_type: 'bert', architectures }));
    const model = await loadModel(directory, { maxLength, stride, maxAnswerLength, nBest });
    try {
      const asked = rows.map(({ question, context }) => ({ text: question, pair: context }));
      const found = await model.predict<AnswerPrediction>(asked);
      expect(rows.some(({ windows }) => windows > 2)).toBe(true);
      for (const [i, { answers, nullScore, context }] of rows.entries()) {
        expect(Math.abs(found[i]!.nullScore - nullScore)).toBeLessThan(1e-6);
        expect(found[i]!.answers).toHaveLength(nBest);
        for (const [k, { answer, score, start, end }] of found[i]!.answers.entries()) {
          expect(Math.abs(score - answers[k]!.score)).toBeLessThan(1e-6);
          expect([answer, context.slice(start, end)]).toEqual([answers[k]!.answer, answer]);
        }
      }
    } finally {
      await model.close();
    }
  });
});
