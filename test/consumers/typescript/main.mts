// A program that uses the library as README shows it, and more of it: it has only to compile.

import {
  type ClassificationResult,
  compare,
  evaluate,
  loadModel,
  type MaskedLmResult,
  type MetricsOf,
  OrtuneError,
  pack,
  predict,
  preview,
  type TensorPrediction,
  Trainer,
  type TrainerEvent,
  type TrainOptions,
  type TrainResult,
  UsageError,
} from 'ortune';

const data = { train: ['train.jsonl', 'more.jsonl'] as const, eval: 'dev.jsonl', output: 'runs/first' };
const model = 'models/tiny-en';

/** Figures by the task that the options name. */
export async function ofTask(): Promise<void> {
  const texts = new Trainer({ model, ...data, task: 'text-classification' });
  texts.on('evaluation', ({ metrics }) => {
    const loss: number = metrics.loss;
    // Not of texts that have scores.
    const f1: number | undefined = metrics.f1 ?? metrics.macro?.f1;
    const classes: ClassificationResult['classes'] | undefined = metrics.classes;
    // @ts-expect-error: of masked tokens
    console.log(loss, f1, classes, metrics.perplexity);
  });
  const trained = await texts.run();
  const mcc: number | undefined = trained.metrics?.mcc;

  const masked = new Trainer({ model, ...data, task: 'masked-lm' });
  const result: TrainResult<'masked-lm'> = await masked.run();
  const measured: MaskedLmResult | undefined = result.metrics;
  const perplexity: number | undefined = measured?.perplexity;
  // @ts-expect-error: of classes
  console.log(mcc, perplexity, result.metrics?.f1);

  const { metrics } = await evaluate({ model, data: 'dev.jsonl', task: 'token-classification' });
  const accuracy: number = metrics.accuracy;
  const words: MetricsOf<'token-classification'> = metrics;
  // @ts-expect-error: there is no such task
  console.log(accuracy, words, new Trainer({ model, ...data, task: 'classification' }));
}

/** What decides which evaluation is the best is a figure of the task, or the program's own. */
export function best(name: string): void {
  const evaluated = { model, ...data };
  new Trainer({ ...evaluated, task: 'masked-lm', metricForBestModel: 'perplexity' });
  new Trainer({ ...evaluated, task: 'text-classification', metricForBestModel: 'macro.f1' });
  new Trainer({ ...evaluated, task: 'sentence-similarity', metricForBestModel: 'retrieval.ndcg@10' });
  new Trainer({ ...evaluated, task: 'tensors', metricForBestModel: 'outputs.price.mae' });
  new Trainer({ ...evaluated, task: 'image-classification', metricForBestModel: 'own.brier' });
  // @ts-expect-error: of classes
  new Trainer({ ...evaluated, task: 'masked-lm', metricForBestModel: 'f1' });
  // @ts-expect-error: counts are no metrics
  new Trainer({ ...evaluated, task: 'text-classification', metricForBestModel: 'samples' });
  const options: TrainOptions<'reranking'> = { ...evaluated, metricForBestModel: 'mrr@10' };
  // Without a task it may be any text.
  console.log(options, new Trainer({ ...evaluated, metricForBestModel: name }));
}

/** Where no task is named every figure may be there. */
export async function ofAnyTask(options: TrainOptions, other: Trainer): Promise<number | undefined> {
  const trainer = new Trainer(options);
  trainer.once('evaluation', ({ metrics }) => console.log(metrics.loss.toFixed(4), metrics.f1?.toFixed(3)));
  const { metrics } = await other.run();
  // @ts-expect-error: no task has it
  console.log(metrics?.f2);
  return metrics?.macro?.f1 ?? metrics?.perplexity ?? metrics?.rmse;
}

export async function events(): Promise<void> {
  await using trainer = new Trainer({ model, ...data, task: 'text-classification' });
  const running = trainer.run({ signal: AbortSignal.timeout(1000) });
  const { totalSteps } = await trainer.once('start');
  for await (const event of trainer) {
    if (event.type === 'step') console.log(event.step, totalSteps, event.loss);
    else if (event.type === 'evaluation') console.log(event.metrics.f1);
    else if (event.type === 'missed') console.log(event.events);
    // @ts-expect-error: there is no such event
    else if (event.type === 'steps') console.log(event);
  }
  const seen: TrainerEvent[] = [];
  console.log((await running).output, seen);
  // @ts-expect-error: there is no such event
  trainer.on('steps', () => {});
}

export async function theRest(): Promise<void> {
  await using open = await loadModel(model, {}, { onDownload: ({ file }) => console.log(file) });
  const [first] = await open.predict(['one', 'two']);
  console.log(first?.label.length, first?.score.toFixed(2));
  const [numbers] = await predict<TensorPrediction>(
    { model },
    { tensors: { x: { data: new Float32Array(4), shape: [2, 2] } } },
  );
  console.log(numbers?.outputs);
  const [words] = await predict({ model, task: 'token-classification' }, ['one two']);
  console.log(words?.entities.length);
  await using pairs = await loadModel(model, { task: 'reranking' });
  const [nearest] = await pairs.predict([{ text: 'one', pair: 'two' }]);
  console.log(nearest?.score);
  // @ts-expect-error: a score has no label
  console.log(nearest?.label);
  const rows = [{ text: 'one', label: 'a' }];
  new Trainer({ model, train: rows, test: () => rows, output: 'runs/rows', classWeights: { a: 2 }, dropout: 0.1 });
  await compare({ model, ...data, strategies: ['frozen', 'finetuned'], overrides: { frozen: { learningRate: 1e-3 } } });
  await pack({ data: 'pictures', output: 'pictures.safetensors', size: 64 });
  await preview({ model, train: 'pictures', augmentation: ['flip', { op: 'crop', scale: [0.5, 1] }] });
  try {
    // @ts-expect-error: epochs is a number
    new Trainer({ model, ...data, epochs: 'two' });
  } catch (error) {
    if (error instanceof UsageError) console.log(error.exitCode, error instanceof OrtuneError);
  }
}
