// The first half of the strategy tlm: texts of a corpus that are near the training texts, and a trunk that learns the
// classes and the masked tokens of both together, from random weights (src/tasks/task-driven-lm.ts). The second half is
// an ordinary run from its model, whose head is drawn anew. Yao et al., NLP From Scratch Without Large-Scale
// Pretraining (2021).

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { CompareConfig } from '../config/compare-schema.js';
import { parseOptions } from '../config/options.js';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';
import { formOf } from '../data/read/form.js';
import type { RetrieveRequest } from '../data/retrieve/protocol.js';
import { ofClassifier, withoutTask } from './first-part.js';

/** Which texts are retrieved, and into which file: one of its own for whatever says which. */
export function retrieval(config: CompareConfig): RetrieveRequest {
  const { train, textColumn, pairColumn, corpus, corpusColumn, corpusTop } = config;
  const wanted = {
    queries: train,
    corpus: corpus!,
    queryColumns: pairColumn === undefined ? [textColumn] : [textColumn, pairColumn],
    textColumn: corpusColumn ?? textColumn,
    most: corpusTop,
    form: formOf(config),
  };
  const hash = createHash('sha256').update(JSON.stringify(wanted)).digest('hex');
  return { ...wanted, output: join(config.output, `tlm-corpus-${hash.slice(0, 8)}.jsonl`) };
}

/** The run that trains the trunk of a classifier. */
export function taskDrivenOptions(
  shared: TrainConfig,
  config: CompareConfig,
  own: { seed: number; output: string },
): TrainConfig {
  const { textColumn, pairColumn, labelColumn, labelNames, maxLength, buckets, numLabels } = shared;
  const { corpusRatio, maskedWeight, corpusSteps: maxSteps } = config;
  const { output: corpus, textColumn: corpusColumn } = retrieval(config);
  const columns = { textColumn, pairColumn, labelColumn, labelNames, maxLength, buckets, numLabels };
  const ratios = { corpus, corpusColumn, corpusRatio, maskedWeight };
  return parseOptions(
    trainSchema,
    {
      ...withoutTask(shared, ofClassifier),
      ...{ task: 'task-driven-lm', ...columns, ...ratios, maxSteps, init: 'random', overwrite: false, ...own },
    },
    { where: 'strategy tlm' },
  );
}
