// The public API. Everything else may change without notice.

import './unbundled.js';

export type { Callbacks, Control, NextBatch } from './callbacks.js';
export { gradcheckModel } from './commands/gradcheck.js';
export { inspectModel } from './commands/inspect.js';
export { findLearningRate, type LrFindHooks } from './commands/lr-find.js';
export { type MergeResult, merge } from './commands/merge.js';
export { type PackHooks, type PackResult, pack } from './commands/pack.js';
export { type LoadedModel, loadModel, type PredictInput, predict } from './commands/predict.js';
export { type Preview, preview } from './commands/preview.js';
export {
  type ComparedRun,
  type CompareHooks,
  compare,
} from './compare/compare.js';
export type { CompareResult } from './compare/result.js';
export type { SeedResult, StrategyResult } from './compare/tabulate.js';
export type { CompareConfig, CompareOptions } from './config/compare-schema.js';
export type { LrFindOptions } from './config/lr-find-schema.js';
export type { PackOptions } from './config/pack-schema.js';
export type { PreviewOptions } from './config/preview-schema.js';
export type { EvalOptions, GradcheckOptions, PredictOptions } from './config/schema.js';
export type { SearchConfig, SearchOptions } from './config/search-schema.js';
export type { Range, SearchSpace } from './config/search-space.js';
export type { TrainConfig, TrainOptions } from './config/train-schema.js';
export type { EncodedImages } from './data/images/encoded-images.js';
export type { ImageTensors } from './data/images/tensors.js';
export type { GivenData } from './data/memory/given.js';
export type { DataBytes } from './data/memory/given-bytes.js';
export type { RowAccess } from './data/memory/row-access.js';
export type { EpochRows } from './data/memory/row-function.js';
export type { DataRows } from './data/memory/rows.js';
export type { DataTensor, DataTensors } from './data/memory/tensors.js';
export type { Augment, AugmentContext, AugmentSample, AugmentTensor } from './data/own-augmentation.js';
export { CallbackError, DataError, ModelError, OrtuneError, UsageError } from './errors.js';
export type { EvaluationEvent, StartEvent, StepEvent, TrainerEvents, TrainResult } from './events.js';
export type { ClassificationResult, ClassMetrics } from './metrics/classification.js';
export type { ImageClassificationResult } from './metrics/image-classes.js';
export type { MaskedLmResult } from './metrics/masked-tokens.js';
export type { MultiLabelResult } from './metrics/multi-label.js';
export type {
  MetricBatch,
  MetricContext,
  MetricTensor,
  NewMeter,
  OwnFigure,
  OwnFigures,
  OwnMeter,
  OwnMetric,
  OwnMetrics,
} from './metrics/own.js';
export type { TextFigures, TextMetric, TextMetricOptions, TextResult } from './metrics/texts/figures.js';
export { measureTexts, sentenceBleu } from './metrics/texts/measure.js';

export { type EncoderDirectoryOptions, writeEncoder } from './models/directory.js';
export { buildEncoder, type EncoderOptions } from './models/encoder.js';
export type { GivenModel, ModelArgument, ModelFiles } from './models/given-model.js';
export type { DownloadEvent, ResolveOptions } from './models/hub.js';
export {
  buildImageModel,
  type ImageModelDirectoryOptions,
  type ImageModelOptions,
  writeImageModel,
} from './models/images.js';
export {
  buildLanguageModel,
  type LanguageModelDirectoryOptions,
  writeLanguageModel,
} from './models/language/build.js';
export type { LanguageModelOptions } from './models/language/options.js';
export { type BytePairOptions, buildBytePairs } from './models/tokenizer/byte-pairs.js';
export { buildWordPiece } from './models/tokenizer/wordpiece.js';
export type { LearningRates } from './optim/rate-range.js';
export type { BestTrial, SearchResult, TrialResult } from './search/result.js';
export { type SearchedTrial, type SearchHooks, search } from './search/search.js';
export type { ClassPrediction as Prediction } from './tasks/classes.js';
export type {
  AnswerPrediction,
  AnswerResult,
  AnyMetrics,
  FilledMask,
  MaskPrediction,
  MetricNameOf,
  Metrics,
  MetricsOf,
  PredictionOf,
  RerankingPrediction,
  RerankingResult,
  SimilarityPrediction,
  SimilarityResult,
  TaskName,
  TensorPrediction,
  TensorsResult,
  TokenPrediction,
  TokenResult,
} from './tasks/tasks.js';
export { type EvalResult, evaluate } from './train/evaluate.js';
export type { TrainerEvent } from './train/event-queue.js';
export { Trainer } from './train/trainer.js';
