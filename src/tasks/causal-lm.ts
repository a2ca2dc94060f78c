// Language models that write token after token (GPT-2, Llama, Qwen, Gemma, …), in files as optimum exports them: one
// decoder that takes the cache of what was read before. Training reads whole texts, so the cache is empty. The loss is
// the mean cross-entropy of the tokens that count, given those before them: all of a text, or of a prompt with its
// completion the latter. Saving gives the file its weights back, cache and all, for the transformers libraries to
// generate with.

import type { ColumnSpec } from '../data/columns.js';
import { sequenceLengths } from '../data/sequence-lengths.js';
import { tokenAxes } from '../data/text/encode.js';
import { surveyTexts } from '../data/text/survey.js';
import { readTokenizer } from '../data/tokenizer/files.js';
import { UsageError } from '../errors.js';
import { keepApart } from './causal/apart.js';
import { inBlocks } from './causal/blocks.js';
import { refuseMixing } from './causal/by-token.js';
import { decoderFields, takesCache } from './causal/decoder-inputs.js';
import { type CausalEncoding, causalEncoder, sampleField } from './causal/encode.js';
import { toldOf, writtenInEvaluation } from './causal/evaluated.js';
import { readPositions } from './causal/own-positions.js';
import { continued, tokenResults, type WritingPrediction, writtenTexts } from './causal/results.js';
import type { Form } from './causal/rows.js';
import { inSharedRows } from './causal/shared-rows.js';
import { checkTemplate, surveyRows } from './causal/survey.js';
import { countedAxis, countedAxisOf, countedFields } from './counted-tokens.js';
import type { MeasuredBatch, SavedFiles, Task } from './task.js';
import { maxNewTokensField, textFields } from './text-fields.js';
import { readsTexts, refusePacked, refusePictures } from './texts.js';
import { lossAtTokens, tokenLogits } from './token-loss.js';
import { writingContradictions, writingFields } from './writing/fields.js';
import { type WritingResult, writingMeter } from './writing/meter.js';
import { checkLibrary, type Writing, wantedOf, writingMetrics, writingOf } from './writing/options.js';
import { writingReport } from './writing/report.js';

const name = 'causal-lm';

export interface CausalOptions {
  form: Form;
  /** Several samples share a row in training, and do not see each other. */
  sharedRows?: boolean;
  /** Prompts are gone on with, by so many tokens. */
  maxNewTokens?: number;
  /** All of a row is learnt, so that no prompt can be told from what follows it. */
  running?: boolean;
  /** What the model writes by itself in evaluations. */
  writing?: Writing;
  /** Most logits that are there at once in training; default 2^24. */
  mostLogits?: number;
}

const written = {
  wanted: ({ writing }: CausalOptions) => wantedOf(writing),
  of: (files: SavedFiles, batch: MeasuredBatch, { writing, running = false }: CausalOptions, rows: number) =>
    writtenInEvaluation(files, batch, { running, maxNewTokens: writing!.maxNewTokens }, rows),
};

export const causalLm = {
  name,
  purpose: 'writing texts, token after token',
  fields: (kit) => {
    const { z, about, path } = kit;
    const { textColumn, maxLength, buckets } = textFields(kit);
    const writing = writingFields(kit);
    const all = {
      textColumn,
      maxLength,
      buckets,
      promptColumn: path.optional().meta(
        about(`${name}: column that holds a prompt, which is read and not learnt; in place of textColumn.`, {
          value: 'NAME',
        }),
      ),
      completionColumn: path
        .default('completion')
        .meta(about(`${name}: column that holds what follows the prompt.`, { value: 'NAME' })),
      messagesColumn: path
        .optional()
        .meta(
          about(
            `${name}: column that holds a chat, a list of { role, content } or { from, value }; in place of textColumn. What the assistant says is learnt.`,
            { value: 'NAME' },
          ),
        ),
      promptLoss: z
        .boolean()
        .default(false)
        .meta(
          about(`${name}: prompts, and all of a chat, are learnt too.`, {
            aliases: ['completion_only_loss', 'assistant_only_loss'],
          }),
        ),
      packing: z
        .enum(['none', 'samples', 'blocks'])
        .default('none')
        .meta(
          about(
            `${name}: none has a sample in each row; samples has as many of the training data as fit, which do not see each other; blocks has all texts one behind the other, cut every maxLength tokens.`,
            { aliases: ['block_size', 'group_texts', 'packing_strategy'] },
          ),
        ),
      truncationSide: z
        .enum(['right', 'left'])
        .default('right')
        .meta(
          about(`${name}: which end of a text longer than maxLength is cut off.`, {
            aliases: ['truncation_side', 'truncation_mode'],
          }),
        ),
      ...writing.all,
    };
    const predict = {
      textColumn,
      maxLength,
      buckets,
      promptColumn: all.promptColumn,
      messagesColumn: all.messagesColumn,
      maxNewTokens: maxNewTokensField(kit),
    };
    return { all, train: writing.train, predict };
  },
  shared: ['textColumn', 'promptColumn', 'completionColumn', 'messagesColumn'] as const,
  *contradictions(config) {
    const { promptColumn, messagesColumn, promptLoss, packing, streaming, weightColumn, predictWithGenerate } = config;
    yield* writingContradictions(config);
    if (packing === 'blocks' && (promptColumn !== undefined || messagesColumn !== undefined))
      yield "option 'packing' blocks is for running texts, and the samples are prompts or chats: set packing samples, or leave it out";
    if (packing === 'blocks' || packing === 'samples') {
      if (streaming)
        yield "options 'packing' and 'streaming' contradict each other: rows are made of all samples at once; leave one out";
      if (weightColumn !== undefined)
        yield "options 'packing' and 'weightColumn' contradict each other: a row may be of several samples; leave one out";
    }
    if (promptColumn !== undefined && messagesColumn !== undefined)
      yield "options 'promptColumn' and 'messagesColumn' contradict each other: samples are prompts with completions, or chats; leave one out";
    if (promptLoss && promptColumn === undefined && messagesColumn === undefined)
      yield "option 'promptLoss' needs 'promptColumn' or 'messagesColumn', the column with what is not learnt otherwise: set one, or leave promptLoss out";
    if (predictWithGenerate && ((promptColumn === undefined && messagesColumn === undefined) || promptLoss))
      yield "option 'predictWithGenerate' compares what is written behind prompts with what follows them in the data: set promptColumn or messagesColumn and leave promptLoss out, or leave predictWithGenerate out";
    if (predictWithGenerate && packing === 'samples')
      yield "options 'predictWithGenerate' and 'packing' contradict each other: rows of several samples have several prompts; leave one out, and measure the trained model with eval";
  },
  opens: ({ inputs, config }) =>
    readsTexts(inputs) &&
    (takesCache(inputs) || config.architectures?.some((one) => /ForCausalLM$|LMHeadModel$/.test(one)) === true),
  options(config): CausalOptions {
    const { promptColumn, messagesColumn, promptLoss, packing, maxNewTokens } = config;
    const form = messagesColumn !== undefined ? 'chat' : promptColumn === undefined ? 'text' : 'prompt';
    if (maxNewTokens !== undefined) return { form, maxNewTokens };
    const writing = writingOf(config);
    return {
      form,
      ...(packing === 'samples' && { sharedRows: true }),
      ...(writing && { writing, running: form === 'text' || promptLoss === true }),
    };
  },
  columns({ textColumn, promptColumn, completionColumn, messagesColumn }): ColumnSpec[] {
    if (messagesColumn !== undefined) {
      const form = { kind: 'chats', names: { text: messagesColumn } } as const;
      return [{ role: 'text', kind: 'text', name: messagesColumn, form }];
    }
    if (promptColumn === undefined) return [{ role: 'text', kind: 'text', name: textColumn }];
    return [
      { role: 'text', kind: 'text', name: promptColumn },
      { role: 'pair', kind: 'text', name: completionColumn, target: true },
    ];
  },
  classes: false,
  refuses: refusePictures(name, 'image-classification'),
  // The file stays as it is, with the outputs that a cache is made of.
  head: 'none',
  peftType: 'CAUSAL_LM',
  headDropout: false,
  dropout: { fallback: 0, head: [], headFallback: 0 },
  cacheable: () => false,
  async plan(model, config, tables, { form, maxNewTokens, writing }) {
    const { directory, inputs, maxPositions, embeddingRows, purpose } = model;
    refusePacked(tables, `packed texts have no end of text, which task ${name} learns; give the texts themselves`);
    const fields = decoderFields(inputs);
    const open = maxNewTokens !== undefined;
    const positions = open ? roomFor(maxNewTokens, maxPositions, directory) : maxPositions;
    const { maxLength, buckets } = sequenceLengths(
      { positions },
      { maxLength: config.maxLength, buckets: config.buckets },
    );
    const { hash } = readTokenizer(directory);
    const { promptLoss, truncationSide, packing } = config;
    // A text is gone on with from its end.
    const keep = open || truncationSide === 'left' ? 'end' : 'start';
    const encoding: CausalEncoding = {
      ...{ directory, maxLength, hash, embeddingRows },
      rows: { form, maxLength, keep, wholeLoss: promptLoss === true, open },
    };
    const axes = tokenAxes(buckets);
    const plan = {
      fields,
      axes,
      encoding,
      preprocessing: { maxLength, buckets, promptLoss, truncationSide, packing },
      maxLength,
    };
    if (open && form === 'chat') await checkTemplate(encoding);
    if (open) return plan;
    checkLibrary(writing);
    const notes = purpose === 'train' ? await surveyTexts(encoding, tables) : [];
    const whole = {
      ...plan,
      fields: [...fields, ...countedFields],
      axes: { ...axes, [countedAxis]: countedAxisOf(buckets) },
    };
    if (packing === 'blocks') return { ...whole, tables: await inBlocks(encoding, tables), notes };
    if (packing === 'samples' && purpose === 'train') {
      const { notes: ofRows, ...shared } = await inSharedRows(encoding, tables);
      return { ...whole, ...shared, fields: [...whole.fields, sampleField], notes: [...notes, ...ofRows] };
    }
    const read = await surveyRows(encoding, tables);
    return { ...whole, windows: read.kept, notes: [...notes, ...read.notes] };
  },
  encoder: (encoding) => causalEncoder(encoding as CausalEncoding),
  prepare(graph, trained, { sharedRows }) {
    if (!sharedRows) return;
    readPositions(graph);
    refuseMixing(graph, trained);
  },
  shapedBy: ['target_positions'],
  loss(b, { logits }, { shapes, mostLogits, sharedRows }) {
    const [batch, length] = tokenLogits(
      b,
      logits!,
      name,
      'Export the model with its language-model head (text-generation).',
    );
    const apart = sharedRows ? [keepApart(b, [batch, length])] : [];
    const targets = shapes?.target_positions?.[0] ?? batch * length;
    const { loss, inputs, predictions } = lossAtTokens(b, logits!, 'target_positions', targets, { mostLogits });
    return { loss, inputs: [...apart, ...inputs], results: { tokenLoss: loss, predictions } };
  },
  async resultsOf(saved, batch, options, mode) {
    if (mode === 'predict') return continued(saved, batch, options.maxNewTokens!);
    const found = await tokenResults(saved, batch);
    return options.writing ? { ...found, ...(await written.of(saved, batch, options, batch.samples.length)) } : found;
  },
  written,
  metrics: ({ writing }) => writingMetrics(writing),
  meter: ({ directory }, { writing }) => writingMeter(writing, directory, toldOf),
  report: (result) => writingReport(result, 'rows'),
  predict: (results, batch, _, __, tools) => writtenTexts(results, batch, tools),
  unusable: (error): WritingPrediction => ({ text: '', finished: false, error }),
  show: ({ text, error }, what) => `${what}\t${error ?? text}`,
  config: (config) => config,
} satisfies Task<CausalOptions, WritingResult, WritingPrediction>;

/** Positions that a prompt may take. @throws UsageError where none are left */
function roomFor(maxNewTokens: number, positions: number, directory: string): number {
  if (maxNewTokens < positions) return positions - maxNewTokens;
  throw new UsageError(
    `option 'maxNewTokens' is ${maxNewTokens}, and ${directory} has ${positions} positions for a prompt and what follows it: set it lower`,
  );
}
