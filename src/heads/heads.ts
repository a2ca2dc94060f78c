// The heads that a task can name: each makes of a model one whose outputs the task's loss can read. A head that fits
// stays. By name, so that looking a task up does not load the surgery on model files.

import type { Model } from '../onnx/model.js';
import type { ModelConfig } from '../transfer/config.js';
import { ensureAnswerHead } from './answers.js';
import { ensureHead, type HeadResult } from './classification.js';
import { ensureEmbeddingHead } from './embedding.js';
import { ensureImageHead } from './images.js';
import { ensureLanguageModelHead } from './language-model.js';
import { ensureTokenHead } from './tokens.js';

export interface HeadRequest {
  /** Number of classes; undefined: the model stays as it is. */
  labels: number | undefined;
  seed: number;
  /** Widths of hidden layers before a classifier. */
  layers?: readonly number[] | undefined;
  config: ModelConfig;
  /** The task's own. */
  options: object;
}

type Head = (model: Model, request: HeadRequest) => Pick<HeadResult, 'model' | 'note'>;

const unchanged = (model: Model) => ({ model, note: undefined });

const classifier =
  (ensure: typeof ensureHead): Head =>
  (model, { labels, ...options }) =>
    labels === undefined ? unchanged(model) : ensure(model, { ...options, labels });

export const heads = {
  classification: classifier(ensureHead),
  score: (model, options) => ensureHead(model, { ...options, labels: 1 }),
  answers: (model, options) => ensureAnswerHead(model, options),
  images: classifier(ensureImageHead),
  tokens: classifier(ensureTokenHead),
  embedding: (model, { config }) => ensureEmbeddingHead(model, config),
  'language-model': (model, { options, labels: classes, ...request }) =>
    ensureLanguageModelHead(model, {
      ...request,
      classes,
      nextSentence: (options as { nextSentence?: boolean }).nextSentence === true,
    }),
  none: unchanged,
} satisfies Record<string, Head>;

export type HeadName = keyof typeof heads;
