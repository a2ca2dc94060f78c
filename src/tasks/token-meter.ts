// What an evaluation of a model that writes token after token adds up, of results as `tokenResults` gives them.

import { LanguageModelMetrics, type LanguageModelResult } from '../metrics/language-model.js';
import type { Meter } from './task.js';

/** Names of its figures. */
export const tokenMetrics = ['loss', 'perplexity', 'accuracy', 'bitsPerByte'] as const;

export function tokenMeter(): Meter<LanguageModelResult> {
  const metrics = new LanguageModelMetrics();
  const numbers = (view: { data: unknown } | undefined) => view?.data as ArrayLike<number> & ArrayLike<bigint>;
  return {
    add({ tokenLoss, predictions }, { samples, inputs }) {
      metrics.add(
        samples.length,
        { loss: Number(tokenLoss!.data[0]), predictions: numbers(predictions) },
        {
          labels: numbers(inputs.get('labels')),
          weights: numbers(inputs.get('sample_weights')),
          bytes: numbers(inputs.get('text_bytes')),
        },
      );
    },
    result: () => metrics.result(),
  };
}
