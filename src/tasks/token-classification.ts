// A label for each word of a text: names, places and dates, parts of speech. Words come with their tags. Each piece of
// a word is a token, and every token has a loss: the first the word's tag, the others its inside form (B-PER → I-PER),
// since transformers.js labels each piece by itself. The figures are those of the first pieces: of words.

import { type ClassesSlice, ofKind, textAt, textsAt } from '../data/columns.js';
import { type EncodeRequest, writerOf } from '../data/encode.js';
import type { Slot } from '../data/slots.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { ModelError } from '../errors.js';
import { ratio } from '../metrics/classification.js';
import { crossEntropy } from '../metrics/cross-entropy.js';
import type { Builder } from '../onnx/builder.js';
import { metricsLine } from '../report/metrics.js';
import { textDropout } from '../transfer/config.js';
import { architecture, withLabels } from './classes.js';
import { meanCrossEntropy } from './losses.js';
import { asLogits } from './reading.js';
import type { MeasuredBatch, Outputs, Prediction, Results, SavedRun, Task, TaskLoss } from './task.js';
import { labelNamesField, textFields } from './text-fields.js';
import { readsTexts, refusePictures, textPlan } from './texts.js';

const name = 'token-classification';

/** Label of a token that has no loss, as in PyTorch. */
const ignored = -100;

interface Encoding extends TextEncoding {
  /** For each tag the tag of the pieces behind a word's first; empty where they have no loss. */
  inside: readonly number[];
}

export interface TokenResult {
  samples: number;
  /** Words that were scored: those behind the cut of a long text are not. */
  words: number;
  /** Mean cross-entropy of the words' first pieces, in nats. */
  loss: number;
  /** Share of the words whose tag is the likeliest of their first piece. */
  accuracy: number;
}

export interface TokenPrediction extends Prediction {
  /** Words that were read: those behind the cut of a long text are not. */
  words: string[];
  tags: string[];
  /** Probability of each tag. */
  scores: number[];
}

export const tokenClassification = {
  name,
  purpose: 'a label for each word of a text',
  fields: (kit) => {
    const { about, path, z } = kit;
    const { maxLength, buckets } = textFields(kit);
    const wordsColumn = path
      .default('tokens')
      .meta(about(`${name}: column that holds the words of a text, a list of them.`, { value: 'NAME' }));
    const all = {
      wordsColumn,
      tagsColumn: path.default('tags').meta(
        about(`${name}: column that holds a tag for each word, a list of names or numbers.`, {
          value: 'NAME',
          aliases: ['ner_tags', 'pos_tags'],
        }),
      ),
      labelAllPieces: z
        .boolean()
        .default(true)
        .meta(
          about(`${name}: pieces of a word behind its first are trained too, as the inside form of its tag (I-).`, {
            aliases: ['label_all_tokens'],
          }),
        ),
      labelNames: labelNamesField(kit),
      maxLength,
      buckets,
    };
    return { all, train: {}, predict: { wordsColumn, maxLength, buckets } };
  },
  shared: ['wordsColumn', 'tagsColumn', 'labelAllPieces', 'labelNames'] as const,
  opens: ({ inputs, config }) =>
    readsTexts(inputs) && config.architectures?.some((one) => one.endsWith('ForTokenClassification')) === true,
  *contradictions({ pairColumn, classWeights, sampling }) {
    if (pairColumn !== undefined)
      yield `option 'pairColumn' is for pairs of texts, and the task is ${name}; leave it out`;
    if (classWeights !== undefined)
      yield `option 'classWeights' is for one class a sample, and the task is ${name}; leave it out`;
    if (sampling === 'balanced')
      yield `option 'sampling' balanced draws classes, and with task ${name} a sample has many; choose another sampling`;
  },
  options: () => ({}),
  columns: ({ wordsColumn, tagsColumn }) => [
    { role: 'words', kind: 'texts', name: wordsColumn },
    { role: 'tags', kind: 'classes', name: tagsColumn, target: true },
  ],
  classes: true,
  refuses: refusePictures(name, 'image-classification'),
  head: 'tokens',
  headDropout: true,
  dropout: textDropout,
  // Nothing is kept of a frozen trunk (no writeTargets): where the tags go depends on the tokens.
  cacheable: () => false,
  async plan(model, config, tables) {
    const plan = await textPlan(model, config, tables);
    const inside = config.labelAllPieces ? model.labels.map((label) => insideOf(label, model.labels)) : [];
    const perToken = ['batch*tokens'] as const;
    return {
      ...plan,
      encoding: { ...plan.encoding, inside },
      preprocessing: { ...(plan.preprocessing as object), inside },
      fields: [
        ...plan.fields,
        { name: 'labels', dtype: 'int64', shape: perToken },
        { name: 'sample_weights', dtype: 'float32', shape: perToken },
        // Number of the word that each token begins, -1 of other tokens: not for the graph, but for figures and
        // predictions.
        { name: 'first_pieces', dtype: 'int32', shape: perToken },
      ],
    };
  },
  async encoder(encoding) {
    const text = await import('../data/text/encode.js');
    const { inside, ...files } = encoding as Encoding;
    const tokenizer = await text.openTokenizer(files);
    return async (whole, slot) => {
      const { rows, request, bad } = await text.encodeWordLists(tokenizer, whole, wordsOf(whole));
      const measured = text.measureTexts(slot, rows);
      const starts = rows.map((row, b) => text.startOf(b, measured.axes.tokens!, row, tokenizer.padLeft));
      const normaliser = writeTags(slot, measured.axes, { rows, starts, inside, request });
      text.writeTokens(slot, measured.axes, rows, tokenizer);
      return { ...measured, weights: { normaliser }, ...(bad && { bad }) };
    };
  },
  loss: (b, { logits }, { labelSmoothing }) => addTokenLoss(b, logits!, labelSmoothing),
  resultsOf: (saved, { inputs }) => tokenResults(saved, inputs),
  metrics: () => ['loss', 'accuracy'],
  meter() {
    let [samples, words, loss, hits] = [0, 0, 0, 0];
    return {
      add(results, batch) {
        samples += batch.samples.length;
        const { firsts, labels, weights } = fieldsOf(batch);
        for (let i = 0; i < firsts.length; i++) {
          const label = Number(labels[i]);
          if (firsts[i]! < 0 || label === ignored || weights[i] === 0) continue;
          words++;
          loss += results.losses!.data[i] as number;
          if (Number(results.predictions!.data[i]) === label) hits++;
        }
      },
      result: (): TokenResult => ({ samples, words, loss: ratio(loss, words), accuracy: ratio(hits, words) }),
    };
  },
  report: (result) => `${result.samples} texts, ${result.words} words: ${metricsLine(result)}`,
  predict: (results, batch, labels) => predictWords(results, batch, labels),
  unusable: (error): TokenPrediction => ({ words: [], tags: [], scores: [], error }),
  show: ({ words, tags }) => words.map((word, i) => (tags[i] === 'O' ? word : `${word}/${tags[i]}`)).join(' '),
  config: (config, labels) => ({
    ...config,
    ...architecture(config, 'ForTokenClassification'),
    ...withLabels({}, labels),
  }),
} satisfies Task<object, TokenResult, TokenPrediction>;

/** The inside form of a tag, where the tags have it: I-PER of B-PER. */
function insideOf(label: string, labels: readonly string[]): number {
  const own = labels.indexOf(label);
  const inside = /^B-/.test(label) ? labels.indexOf(label.replace(/^B-/, 'I-')) : own;
  return inside < 0 ? own : inside;
}

/** Words of each sample: as the data list them, or a text cut at its spaces. */
function wordsOf({ samples, slices }: Pick<EncodeRequest, 'samples' | 'slices'>): string[][] {
  const words = ofKind(slices, 'words', 'texts');
  const texts = ofKind(slices, 'text', 'text');
  return Array.from(samples, (_, row) =>
    words
      ? textsAt(words, row)
      : textAt(texts!, row)
          .split(/\s+/)
          .filter((word) => word !== ''),
  );
}

interface Tagged {
  rows: readonly { ids: readonly number[]; words: readonly number[] }[];
  /** First place of each row's tokens within the batch's. */
  starts: readonly number[];
  inside: readonly number[];
  request: Pick<EncodeRequest, 'slices' | 'weights'>;
}

/** Writes the label, weight and word of each token; gives the sum of the weights. */
function writeTags(slot: Slot, axes: Record<string, number>, { rows, starts, inside, request }: Tagged): number {
  const [labels, weights, firsts] = ['labels', 'sample_weights', 'first_pieces'].map(
    (field) => writerOf(slot, field, axes)!,
  );
  labels!.fill(ignored);
  weights!.fill(0);
  firsts!.fill(-1);
  const tags = request.slices.tags as ClassesSlice | undefined;
  let total = 0;
  for (const [b, { words }] of rows.entries()) {
    for (const [i, word] of words.entries()) {
      if (word < 0) continue;
      const first = words[i - 1] !== word;
      const at = starts[b]! + i;
      if (first) firsts!.set(at, word);
      const tag = tags ? tags.values[tags.offsets[b]! + word]! : ignored;
      const label = first || tag === ignored ? tag : (inside[tag] ?? ignored);
      if (label === ignored) continue;
      labels!.set(at, label);
      weights!.set(at, request.weights[b]!);
      total += request.weights[b]!;
    }
  }
  return total;
}

/** Over logits [B, T, C]: the mean over all tokens that have a label. */
function addTokenLoss(b: Builder, logits: Outputs[string], labelSmoothing: number): TaskLoss {
  const shape = b.shape(logits);
  if (shape.length !== 3)
    throw new ModelError(
      `${name} takes logits of shape [batch, sequence, labels]; output '${logits}' has rank ${shape.length}. ` +
        'Export the model without its head (feature extraction) or for token classification.',
    );
  const [batch, tokens, classes] = shape as [number, number, number];
  const rows = b.op('Reshape', [logits, b.ints([batch * tokens, classes])]);
  const names = { labels: 'labels', weights: 'sample_weights', normaliser: 'normaliser' };
  const { loss, inputs, predictions } = meanCrossEntropy(b, rows, names, labelSmoothing);
  const likelihood = b.op('LogSoftmax', [rows], { axis: 1 });
  const at = b.op('Unsqueeze', [b.op('Max', [inputs[0]!, b.scalar('int64', 0)]), b.ints([1])]);
  const losses = b.op('Neg', [b.op('GatherElements', [likelihood, at], { axis: 1 })], {}, { name: 'token_losses' });
  return { loss, inputs, results: { predictions, losses } };
}

/** The same figures from the logits of a saved file, and the logits themselves. */
async function tokenResults(
  { run, path, labels: names, main }: SavedRun,
  inputs: MeasuredBatch['inputs'],
): Promise<Results> {
  const { name: output, activation } = main();
  const given = (await run(inputs, [output]))[output]!;
  const classes = given.shape[2];
  if (given.shape.length !== 3 || classes === undefined)
    throw new ModelError(
      `${path}: output '${output}' has the shape [${given.shape}], expected [batch, sequence, labels]: this labels no tokens`,
    );
  if (names.length > 0 && names.length !== classes)
    throw new ModelError(
      `${path}: output '${output}' has ${classes} columns, and config.json names ${names.length} labels (id2label): correct config.json`,
    );
  const found = { ...given, data: asLogits(given, activation, true) };
  const labels = inputs.get('labels')!.data;
  const losses = new Float32Array(labels.length);
  const predictions = new Int32Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    const label = Math.max(0, Number(labels[i]));
    const { loss, prediction } = crossEntropy(found.data, i * classes, classes, label);
    losses[i] = loss;
    predictions[i] = prediction;
  }
  const shape = [labels.length];
  return {
    losses: { dtype: 'float32', shape, data: losses },
    predictions: { dtype: 'int32', shape, data: predictions },
    logits: found,
  };
}

function fieldsOf({ inputs }: Pick<MeasuredBatch, 'inputs'>) {
  const data = (field: string) => inputs.get(field)!.data;
  return {
    firsts: data('first_pieces') as Int32Array,
    labels: data('labels') as ArrayLike<number | bigint>,
    weights: data('sample_weights') as Float32Array,
  };
}

/** The tag of each word is that of its first piece. */
function predictWords(results: Results, batch: MeasuredBatch, labels: readonly string[]): TokenPrediction[] {
  const { firsts } = fieldsOf(batch);
  const { data, shape } = results.logits!;
  const [, tokens, classes] = shape as [number, number, number];
  return wordsOf(batch).map((words, row) => {
    const prediction: TokenPrediction = { words: [], tags: [], scores: [] };
    for (let i = row * tokens; i < (row + 1) * tokens; i++) {
      if (firsts[i]! < 0) continue;
      const { prediction: top } = crossEntropy(data as Float32Array, i * classes, classes, 0);
      const { loss } = crossEntropy(data as Float32Array, i * classes, classes, top);
      prediction.words.push(words[firsts[i]!]!);
      prediction.tags.push(labels[top] ?? `LABEL_${top}`);
      prediction.scores.push(Math.exp(-loss));
    }
    return prediction;
  });
}
