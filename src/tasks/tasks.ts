// The tasks there are: one row each. Everything else about a task is in its file.

import type { OwnFigures } from '../metrics/own.js';
import type { ModelConfig } from '../transfer/config.js';
import { causalLm } from './causal-lm.js';
import type { ClassPrediction } from './classes.js';
import { imageClassification } from './image-classification.js';
import { maskedLm } from './masked-lm.js';
import { questionAnswering } from './question-answering.js';
import { reranking } from './reranking.js';
import { sentenceSimilarity } from './sentence-similarity.js';
import { seq2seq } from './seq2seq.js';
import type { ModelValue, Task, TaskConfig } from './task.js';
import { taskDrivenLm } from './task-driven-lm.js';
import { tensors } from './tensors.js';
import { textClassification } from './text-classification.js';
import { tokenClassification } from './token-classification.js';

export type { WritingPrediction } from './causal/results.js';
export type { FilledMask, MaskPrediction } from './fill-mask.js';
export type { Answer, AnswerPrediction, AnswerResult } from './question-answering.js';
export type { RerankingPrediction, RerankingResult } from './reranking.js';
export type { SimilarityPrediction, SimilarityResult } from './sentence-similarity.js';
export type { TaskDrivenResult } from './task-driven-lm.js';
export type { TensorPrediction, TensorsResult } from './tensors.js';
export type { TokenPrediction, TokenResult } from './token-classification.js';
export type { WritingResult, WrittenText } from './writing/meter.js';

export const tasks = [
  textClassification,
  tokenClassification,
  questionAnswering,
  maskedLm,
  taskDrivenLm,
  causalLm,
  sentenceSimilarity,
  reranking,
  seq2seq,
  imageClassification,
  tensors,
] as const;

type Row = (typeof tasks)[number];
export type TaskName = Row['name'];
type ResultOf<R extends Row> = Awaited<ReturnType<ReturnType<R['meter']>['result']>> & OwnFigures;

/** What an evaluation comes to, whatever the task. */
export type Metrics = ResultOf<Row>;

/** What is in all of several types as it is, and what only some have as optional. */
type Together<U> = { [K in keyof U]: U[K] } & {
  [K in Exclude<U extends unknown ? keyof U : never, keyof U>]?: U extends Partial<Record<K, infer V>> ? V : never;
};

/** What an evaluation comes to where nothing says which task it is of: every figure that some task has. */
export type AnyMetrics = Together<Metrics>;

/** What an evaluation of a task comes to; optional what only some of its kinds of labels have. */
export type MetricsOf<T extends TaskName> = [TaskName] extends [T]
  ? AnyMetrics
  : Together<ResultOf<Extract<Row, { name: T }>>>;

/** Names of a task's figures, and of own ones; where no task is named, of all tasks'. */
export type MetricNameOf<T extends TaskName> =
  | ReturnType<Extract<Row, { name: T }>['metrics']>[number]
  | `own.${string}`;

/** What is said of a sample by a model of a task; where no task is named, of a class. */
export type PredictionOf<T extends TaskName> = [TaskName] extends [T]
  ? ClassPrediction
  : Awaited<ReturnType<Extract<Row, { name: T }>['predict']>>[number];

export const taskNames = tasks.map(({ name }) => name) as [TaskName, ...TaskName[]];

// biome-ignore lint/suspicious/noExplicitAny: a task's options and results are its own
type AnyTask = Task<any, any, any>;

/** The same without what is particular to each. */
export const everyTask = tasks as unknown as readonly AnyTask[];

/** @throws Error for a name that is none */
export function taskNamed(name: string): AnyTask {
  const task = everyTask.find((one) => one.name === name);
  if (!task) throw new Error(`there is no task '${name}'`);
  return task;
}

/** The same, ready to be used with a model in this thread. */
export async function loadTask(name: string): Promise<AnyTask> {
  const task = taskNamed(name);
  await task.load?.();
  return task;
}

/** The task that a saved model is of, by its inputs and config.json; later rows of the table are more particular. */
export const taskOfModel = (model: { inputs: readonly ModelValue[]; config: ModelConfig }): TaskName | undefined =>
  everyTask.findLast((task) => task.opens?.(model))?.name as TaskName | undefined;

/** The task that takes a configuration's data or columns for its own; undefined where none does. */
export function taskOfData(config: object): TaskName | undefined {
  const given = config as TaskConfig;
  const named: unknown = given.train ?? given.data;
  // Options that are wrong anyway come here as they were given.
  const files: readonly string[] = Array.isArray(named) ? named : [];
  return everyTask.findLast((task) => task.recognises?.(given, files))?.name as TaskName | undefined;
}

/** The configuration with a task: the one it names, else the last one that takes it for its own, else the first. */
export function withTask<C extends object>(config: C): C & { task: TaskName } {
  const { task } = config as { task?: TaskName };
  return { ...config, task: task ?? taskOfData(config) ?? tasks[0].name };
}
