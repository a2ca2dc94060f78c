// Vectors of texts that lie near each other where the texts mean the like: for search, clustering, duplicates. All
// texts of a batch, anchors and candidates, go through the model in one forward pass, one row behind the other; a
// token-level export is pooled here, so the saved file stays one of feature extraction.

import { type ColumnSpec, ofKind, textAt } from '../data/columns.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { ModelError, UsageError } from '../errors.js';
import { isHidden } from '../heads/hidden-name.js';
import type { Builder } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { metricsLine } from '../report/metrics.js';
import { textDropout } from '../transfer/config.js';
import { architecture } from './classes.js';
import { fixedBatch } from './fixed-axes.js';
import { embeddingsOf, pooled } from './similarity/embeddings.js';
import { type Encoding, promptOf, similarityEncoder } from './similarity/encode.js';
import { lossOf, similarityContradictions, similarityFields, textRoles } from './similarity/fields.js';
import { addSimilarityLoss, isClassed, isScored, maskWidth, type SimilarityLoss } from './similarity/losses.js';
import { classRole, stepInputs } from './similarity/mask.js';
import { dot, unitOf } from './similarity/measured-loss.js';
import { type SimilarityResult, similarityMeter, similarityMetrics } from './similarity/meter.js';
import { type Modules, modulesFiles, plainModules, readModules } from './similarity/modules.js';
import { classNotes } from './similarity/notes.js';
import type { MeasuredBatch, Prediction, Results, Task } from './task.js';
import { readsTexts, refusePacked, refusePictures, textPlan } from './texts.js';

export type { SimilarityResult } from './similarity/meter.js';

const name = 'sentence-similarity';

export interface SimilarityOptions extends SimilarityLoss, Modules {
  /** Of the columns of texts. */
  roles: readonly string[];
  /** What goes before a text by itself. */
  alone: string;
  /** The loss of training is over all batches of a step. */
  gradientCache: boolean;
}

export interface SimilarityPrediction extends Prediction {
  /** Cosine of the two texts, of a pair. */
  score?: number;
  /** The vector, of a text by itself. */
  embedding?: number[];
}

const defaultMargin: Partial<Record<SimilarityLoss['loss'], number>> = { triplet: 5, contrastive: 0.5 };

export const sentenceSimilarity = {
  name,
  purpose: 'vectors of texts that are near where their meanings are',
  fields: similarityFields,
  shared: ['textColumn', 'pairColumn', 'negativeColumns', 'scoreColumn', 'classColumn'] as const,
  opens: ({ inputs, config }) =>
    readsTexts(inputs) && config.architectures?.some((one) => /(^|[a-z])(?<!LMHead)Model$/.test(one)) === true,
  contradictions: similarityContradictions,
  options(config, { directory } = {}): SimilarityOptions {
    const modules = (directory === undefined ? undefined : readModules(directory)) ?? plainModules;
    const { pooling = modules.pooling, normalize = modules.normalize, queryPrompt, documentPrompt } = config;
    const loss = lossOf(config);
    const roles = textRoles(config).map(([role]) => role);
    const given = { query: queryPrompt, document: documentPrompt };
    const prompts = Object.entries({ ...modules.prompts, ...withoutUndefined(given) }) as [string, string][];
    return {
      loss,
      roles,
      texts: roles.length,
      scale: config.similarityScale ?? 20,
      symmetric: config.symmetric === true,
      margin: config.margin ?? defaultMargin[loss] ?? 0,
      dims: config.matryoshkaDims ?? [],
      pooling,
      normalize,
      includePrompt: modules.includePrompt,
      prompts: Object.fromEntries(prompts),
      alone: promptNamed(config.prompt, Object.fromEntries(prompts)),
      maxLength: Math.min(config.maxLength ?? 512, modules.maxLength ?? Number.POSITIVE_INFINITY),
      gradientCache: config.gradientCache === true,
    };
  },
  columns: (config): ColumnSpec[] => [
    ...textRoles(config).map(([role, column]): ColumnSpec => ({ role, kind: 'text', name: column })),
    ...(config.scoreColumn === undefined
      ? []
      : [{ role: 'score', kind: 'numbers', name: config.scoreColumn, target: true } as const]),
    ...(config.classColumn === undefined
      ? []
      : [{ role: classRole, kind: 'text', name: config.classColumn, named: true, target: true } as const]),
  ],
  // The other texts of a batch are what a text is unlike.
  distinct: (config) => (lossOf(config) === 'multiple-negatives' ? textRoles(config).map(([role]) => role) : undefined),
  alike: (config) => (isClassed(lossOf(config)) ? [classRole] : undefined),
  classes: false,
  refuses: refusePictures(name, 'image-classification'),
  head: 'embedding',
  peftType: 'FEATURE_EXTRACTION',
  headDropout: false,
  dropout: textDropout,
  // Nothing is kept of a frozen trunk (no writeTargets): the vectors of a batch are compared with each other.
  cacheable: () => false,
  async plan(model, config, tables, options) {
    refusePacked(tables, 'packed texts are of one column; give the texts themselves');
    const fixed = fixedBatch(model.inputs);
    if (fixed !== undefined)
      throw new ModelError(
        `${model.directory}: the model file takes batches of ${fixed} alone, and the texts of a sample go through it together; export it with dynamic axes`,
      );
    const { roles, texts, pooling, normalize, includePrompt, prompts, maxLength, alone, gradientCache, ...loss } =
      options;
    const plan = await textPlan(model, { ...config, maxLength }, tables);
    const predicting = model.purpose === 'predict';
    const rows = predicting ? 'texts*batch' : `${texts}*batch`;
    const mask = maskWidth(options);
    const modules: Modules = { pooling, normalize, includePrompt, prompts };
    const encoding: Encoding = {
      ...(plan.encoding as TextEncoding),
      modules,
      alone,
      roles: predicting ? ['text', 'pair'] : roles,
      loss: predicting ? undefined : { texts, ...loss },
    };
    const targets = [
      ...(isScored(options.loss) ? [{ name: 'scores', dtype: 'float32', shape: ['batch'] } as const] : []),
      ...(mask === undefined ? [] : [{ name: 'pair_mask', dtype: 'float32', shape: ['batch', mask] } as const]),
      ...(isClassed(options.loss) ? [{ name: 'positives', dtype: 'float32', shape: ['batch', 'batch'] } as const] : []),
    ] as const;
    const classes = model.purpose === 'train' && isClassed(options.loss) ? classNotes(tables) : [];
    return {
      ...plan,
      axes: { ...plan.axes, ...(predicting && { texts: { buckets: [1, 2] } }) },
      encoding,
      preprocessing: { ...(plan.preprocessing as object), roles, ...modules },
      fields: [
        ...plan.fields.map((field) => ({ ...field, shape: [rows, 'tokens'] })),
        { name: 'pooling_weights', dtype: 'float32', shape: [rows, 'tokens'] },
        { name: 'sample_weights', dtype: 'float32', shape: ['batch'] },
        ...(predicting ? [] : targets),
      ],
      notes: [...(plan.notes ?? []), ...(predicting ? [] : promptNotes(options)), ...classes],
    };
  },
  encoder: (encoding) => similarityEncoder(encoding as Encoding),
  outputs: (_, { main, all }) => ({ hidden: all.find(isHidden) ?? main }),
  loss(b, { hidden }, options) {
    const { vectors, inputs } = vectorsOf(b, hidden!, options);
    const loss = addSimilarityLoss(b, vectors, options);
    return { ...loss, inputs: [...inputs, ...loss.inputs] };
  },
  stepLoss: ({ gradientCache }) =>
    gradientCache
      ? {
          vectors: (b, { hidden }, options) => vectorsOf(b, hidden!, options),
          loss: addSimilarityLoss,
          inputs: stepInputs,
        }
      : undefined,
  resultsOf: embeddingsOf,
  metrics: similarityMetrics,
  meter: (_, options) => similarityMeter(options, options.roles),
  report: ({ retrieval, ...result }: SimilarityResult) =>
    [
      `${result.samples} samples: ${metricsLine(result)}`,
      ...(retrieval
        ? [`${retrieval.queries} queries among ${retrieval.documents} documents: ${metricsLine(retrieval)}`]
        : []),
    ].join('\n'),
  predict: (results, batch) => similarities(results, batch),
  unusable: (error): SimilarityPrediction => ({ error }),
  show: ({ score, embedding }, what) =>
    score === undefined ? `${what}\t${JSON.stringify(embedding)}` : `${score.toFixed(4)}\t${what}`,
  config: (config) => ({ ...config, ...architecture(config, 'Model') }),
  files: ({ pooling, normalize, includePrompt, prompts, maxLength }, { outputs, maxPositions }) => {
    const length = Math.min(maxLength ?? maxPositions, maxPositions);
    return modulesFiles({ pooling, normalize, includePrompt, prompts, maxLength: length }, sizeOf(outputs));
  },
} satisfies Task<SimilarityOptions, SimilarityResult, SimilarityPrediction>;

/** The vectors of the texts of a batch. @throws UsageError for parts of them that are larger */
function vectorsOf(b: Builder, hidden: Value, options: SimilarityOptions): { vectors: Value; inputs: Value[] } {
  const { embeddings, inputs } = pooled(b, hidden, options);
  const size = b.shape(embeddings)[2]!;
  const large = options.dims.find((dim) => dim > size);
  if (large !== undefined)
    throw new UsageError(`option 'matryoshkaDims' names ${large}, and the model's vectors have ${size} numbers`);
  return { vectors: embeddings, inputs };
}

/** @throws UsageError for a name that the directory does not have */
function promptNamed(named: string | undefined, prompts: Readonly<Record<string, string>>): string {
  const found = named === undefined ? '' : prompts[named];
  if (found !== undefined) return found;
  const known = Object.keys(prompts).join(', ') || 'none';
  throw new UsageError(`option 'prompt': the model directory has no prompt '${named}'; it has ${known}`);
}

const withoutUndefined = (values: object): object =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

function promptNotes(options: SimilarityOptions): string[] {
  const said = options.roles.slice(0, 2).flatMap((role) => {
    const prompt = promptOf(options, role);
    return prompt === ''
      ? []
      : [`${JSON.stringify(prompt)} goes before ${role === 'text' ? 'texts of textColumn' : 'all other texts'}`];
  });
  return said.length === 0 ? [] : [`prompts: ${said.join(', ')}`];
}

function sizeOf(outputs: readonly { shape?: readonly unknown[] | undefined }[]): number {
  const size = outputs[0]?.shape?.[2];
  if (typeof size !== 'number')
    throw new ModelError('the size of the vectors is not known from the output of the file');
  return size;
}

/** A score for each pair, and a vector for each text by itself. */
function similarities(results: Results, { samples, slices }: MeasuredBatch): SimilarityPrediction[] {
  const { data, shape } = results.embeddings!;
  const embeddings = data as Float32Array;
  const [, texts, size] = shape as [number, number, number];
  const pair = ofKind(slices, 'pair', 'text');
  return Array.from(samples, (_, row) => {
    const at = row * texts * size;
    if (texts === 1 || !pair || textAt(pair, row).trim() === '')
      return { embedding: Array.from(embeddings.subarray(at, at + size)) };
    return { score: dot(unitOf(embeddings, at, size), unitOf(embeddings, at + size, size)) };
  });
}
