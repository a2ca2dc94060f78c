// Answers that are a part of a text: of each token it is learnt how likely an answer begins there, and ends there. Long
// texts are read in windows that all have the whole question; a window that does not hold the answer learns the first
// token, which stands for none, and so do questions without an answer. From which odds on none is predicted is found on
// the evaluation data and kept in config.json under ortune.nullThreshold, which other programs pass over.

import type { ColumnSpec, RowForm } from '../data/columns.js';
import { SampleError } from '../data/encode.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { isObject } from '../files/json.js';
import { answerOutputs } from '../heads/answers.js';
import { metricsLine } from '../report/metrics.js';
import { type ModelConfig, readModelConfig, textDropout } from '../transfer/config.js';
import { answerFields, writeAnswers } from './answers/labels.js';
import { addAnswerLoss, answerResults } from './answers/loss.js';
import { type AnswerMeasure, type AnswerResult, answerMeter } from './answers/meter.js';
import { answerNotes } from './answers/notes.js';
import {
  type AnswerChoice,
  type AnswerPrediction,
  mergeAnswers,
  noAnswer,
  predictAnswers,
  showAnswer,
} from './answers/predictions.js';
import { architecture } from './classes.js';
import type { Task } from './task.js';
import { strideField, textFields } from './text-fields.js';
import { readsTexts, refusePacked, refusePictures, textPlan } from './texts.js';

export type { AnswerResult } from './answers/meter.js';
export type { Answer, AnswerPrediction } from './answers/predictions.js';

const name = 'question-answering';

export type AnswerOptions = AnswerMeasure & AnswerChoice;

interface Encoding extends TextEncoding {
  stride: number;
}

export const questionAnswering = {
  name,
  purpose: 'answers to questions that are parts of a text',
  fields: (kit) => {
    const { about, path, count, z } = kit;
    const { maxLength, buckets } = textFields(kit);
    const column = (initial: string, holds: string, alias: string) =>
      path.default(initial).meta(about(`${name}: column that holds ${holds}.`, { value: 'NAME', aliases: [alias] }));
    const columns = {
      questionColumn: column('question', 'the question', 'question_column_name'),
      contextColumn: column('context', 'the text with its answers', 'context_column_name'),
    };
    const answers = {
      maxAnswerLength: count
        .default(30)
        .meta(about(`${name}: most tokens of an answer that is predicted.`, { aliases: ['max_answer_length'] })),
      nullThreshold: z
        .number()
        .optional()
        .meta(
          about(
            `${name}: no answer is predicted where the logarithm of its odds against the best answer is greater; default the one that gives the largest F1 on the evaluation data, which the saved model keeps, where these have questions without an answer, else never.`,
            { aliases: ['null_score_diff_threshold'] },
          ),
        ),
    };
    const texts = { stride: strideField(kit), maxLength, buckets };
    const all = {
      ...columns,
      answersColumn: column(
        'answers',
        'the right answers, { text, answer_start } with a list each',
        'answer_column_name',
      ),
      ...answers,
      ...texts,
    };
    const nBest = count
      .default(5)
      .meta(
        about(`${name}: so many of the likeliest answers of each question.`, { aliases: ['n_best_size', 'top_k'] }),
      );
    const context = z
      .string()
      .min(1)
      .optional()
      .meta(about(`${name}: the text in which questions are answered that come without one.`, { value: 'TEXT' }));
    return { all, train: {}, predict: { ...columns, context, nBest, ...answers, ...texts } };
  },
  shared: ['questionColumn', 'contextColumn', 'answersColumn', 'maxAnswerLength', 'nullThreshold'] as const,
  opens: ({ inputs, config }) =>
    readsTexts(inputs) && config.architectures?.some((one) => one.endsWith('ForQuestionAnswering')) === true,
  *contradictions({ pairColumn, classWeights, sampling, streaming }) {
    if (pairColumn !== undefined)
      yield `option 'pairColumn' is for pairs of texts, and the task is ${name}: name the text with contextColumn`;
    if (classWeights !== undefined)
      yield `option 'classWeights' is for one class a sample, and the task is ${name}; leave it out`;
    if (sampling === 'balanced')
      yield `option 'sampling' balanced draws classes, and with task ${name} there are none; choose another sampling`;
    if (streaming)
      yield `option 'streaming' reads the beginning of long texts alone, and with task ${name} their answers may be behind it; leave it out`;
  },
  options: ({ maxAnswerLength = 30, nBest = 5, nullThreshold }): AnswerOptions => ({
    maxAnswerLength,
    nBest,
    ...(nullThreshold !== undefined && { nullThreshold }),
  }),
  ofModel: ({ config }, { nullThreshold }) => ({ nullThreshold: nullThreshold ?? savedThreshold(config) }),
  columns({ questionColumn, contextColumn, answersColumn = 'answers' }): ColumnSpec[] {
    const form: RowForm = {
      kind: 'answers',
      names: { text: questionColumn, pair: contextColumn, answers: answersColumn },
    };
    return [
      { role: 'text', kind: 'text', name: questionColumn, form },
      { role: 'pair', kind: 'text', name: contextColumn, form },
      { role: 'answers', kind: 'ranges', name: answersColumn, target: true, form },
    ];
  },
  classes: false,
  refuses: refusePictures(name, 'image-classification'),
  head: 'answers',
  peftType: 'QUESTION_ANS',
  // Nor has the transformers library dropout there, but for DistilBERT.
  headDropout: false,
  dropout: textDropout,
  // Nothing is kept of a frozen trunk (no writeTargets): where answers are depends on the tokens.
  cacheable: () => false,
  async plan(model, config, tables) {
    refusePacked(tables, 'packed texts have no questions; give the texts themselves');
    const plan = await textPlan(model, config, tables);
    const { stride } = config;
    const { countWindows } = await import('../data/text/windows.js');
    return {
      ...plan,
      encoding: { ...plan.encoding, stride },
      preprocessing: { ...(plan.preprocessing as object), stride },
      fields: [...plan.fields, ...answerFields],
      windows: await countWindows(plan.encoding as TextEncoding, stride, tables),
      notes: [
        ...(plan.notes ?? []),
        ...(model.purpose === 'train' ? answerNotes(readModelConfig(model.directory), config, tables) : []),
      ],
    };
  },
  async encoder(encoding) {
    const text = await import('../data/text/encode.js');
    const { stride, ...files } = encoding as Encoding;
    const tokenizer = await text.openTokenizer(files);
    return async (whole, slot) => {
      const found = await text.encodeWindows(tokenizer, whole, stride);
      const problemOf = ({ texts }: (typeof found.rows)[number]): string | undefined =>
        texts.includes(1)
          ? undefined
          : 'there is no text to find the answer in (of a program: { text: question, pair: text }; or option context), or no token is made of it';
      const { rows, request, bad } = text.withoutRows(whole, found, problemOf);
      if (bad && !files.tolerant) throw new SampleError(bad[0]!.row, bad[0]!.reason);
      const cut = rows.findIndex(({ truncated }) => truncated);
      if (cut >= 0 && !files.tolerant)
        throw new SampleError(
          cut,
          `question and text have more than ${files.maxLength} tokens, and rows that a function or get(i) gives are not divided: raise maxLength, or give them as a list or a file`,
        );
      const measured = text.measureTexts(slot, rows);
      const length = measured.axes.tokens!;
      const firsts = rows.map((row, b) => text.startOf(b, length, row, tokenizer.padLeft) - b * length);
      const normaliser = writeAnswers(slot, measured.axes, { rows, firsts, request });
      text.writeTokens(slot, measured.axes, rows, tokenizer);
      return { ...measured, weights: { normaliser }, ...(bad && { bad }) };
    };
  },
  outputs: () => ({ start: answerOutputs[0], end: answerOutputs[1] }),
  loss: (b, outputs, { labelSmoothing }) => addAnswerLoss(b, outputs, labelSmoothing),
  resultsOf: (saved, batch) => answerResults(saved, batch),
  metrics: () =>
    [
      ...(['loss', 'exactMatch', 'f1', 'answerable.exactMatch', 'answerable.f1', 'unanswerable.exactMatch'] as const),
      ...(['best.exactMatch', 'best.f1'] as const),
    ] as const,
  meter: (_, options) => answerMeter(options),
  settled: ({ nullThreshold }) =>
    nullThreshold === undefined ? ({ best }) => (best ? { nullThreshold: best.nullThreshold } : {}) : undefined,
  report: ({ answerable, unanswerable, best, ...result }: AnswerResult) =>
    [
      `${result.samples} questions, ${result.windows} windows: ${metricsLine(result)}`,
      ...(answerable ? [`${answerable.samples} with an answer: ${metricsLine(answerable)}`] : []),
      ...(unanswerable ? [`${unanswerable.samples} without: ${metricsLine(unanswerable)}`] : []),
      ...(best ? [`with the best threshold: ${metricsLine(best)}`] : []),
    ].join('\n'),
  predict: (results, batch, _, options) => predictAnswers(results, batch, options),
  merge: mergeAnswers,
  unusable: noAnswer,
  show: showAnswer,
  config(
    { id2label: _, label2id: __, num_labels: ___, problem_type: ____, ortune: _____, ...config },
    _labels,
    options,
  ) {
    const { nullThreshold } = options;
    // The transformers library takes the head's size from num_labels, which is 2 where there are no labels.
    return {
      ...config,
      ...architecture(config, 'ForQuestionAnswering'),
      ...(nullThreshold !== undefined && { ortune: { nullThreshold } }),
    };
  },
} satisfies Task<AnswerOptions, AnswerResult, AnswerPrediction>;

/** What a saved model says of it. */
function savedThreshold({ ortune }: ModelConfig): number | undefined {
  const found = isObject(ortune) ? ortune.nullThreshold : undefined;
  return typeof found === 'number' ? found : undefined;
}
