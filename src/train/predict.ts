// Labels for texts, from a saved model directory through the stock onnxruntime-node session.

import { parseOptions } from '../config/options.js';
import { type PredictOptions, predictSchema } from '../config/schema.js';
import { TextFeeder, textLengths } from '../data/feeder.js';
import { planEpoch } from '../data/sampler.js';
import { openSavedModel } from './saved-model.js';

export interface Prediction {
  label: string;
  /** Softmax probability of the label. */
  score: number;
}

/** The most probable label of each text, in their order. */
export async function predict(
  options: PredictOptions,
  texts: readonly string[],
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<Prediction[]> {
  const config = parseOptions(predictSchema, options);
  const model = await openSavedModel(config);
  let feeder: TextFeeder | undefined;
  try {
    feeder = new TextFeeder({ ...config, ...model.shape, inputs: model.inputs });
    const records = texts.map((text, i) => ({ text, line: i + 1 }));
    const lengths = textLengths(records);
    const plan = planEpoch({ lengths, batchSize: config.batchSize, seed: 0, epoch: 0, shuffle: false });
    const predictions: Prediction[] = new Array(texts.length);
    for await (const batch of feeder.batches({ file: 'text', records }, plan, { signal })) {
      const { data } = await model.predict(batch);
      const classes = data.length / config.batchSize;
      for (const [row, sample] of batch.samples.entries())
        predictions[sample] = best(data.subarray(row * classes, (row + 1) * classes) as Float32Array, model.labels);
      batch.release();
    }
    return predictions;
  } finally {
    await feeder?.close();
    await model.close();
  }
}

function best(logits: Float32Array, labels: readonly string[]): Prediction {
  const top = logits.indexOf(Math.max(...logits));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - logits[top]!), 0);
  return { label: labels[top] ?? `LABEL_${top}`, score: 1 / sum };
}
