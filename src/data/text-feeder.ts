// Turns texts into batches: the workers tokenise them and pad them to the smallest bucket that holds them.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, ModelError, UsageError } from '../errors.js';
import type { DataType } from '../onnx/dtype.js';
import { maskingOf, type Task, textClassification } from '../tasks/task.js';
import { DataLoader, type LoaderOptions } from './feeder.js';
import type { Masking } from './masking.js';
import { type Field, slotLayout } from './slots.js';
import type { TextWorkerData } from './text-worker.js';

export interface TextFeederOptions extends LoaderOptions {
  /** Holds tokenizer.json and, where there is one, tokenizer_config.json. */
  directory: string;
  /** The model's inputs; input_ids, attention_mask and token_type_ids can be fed. */
  inputs: readonly { name: string; dtype: DataType }[];
  /** Most tokens of a row; longer texts are cut and counted. */
  maxLength: number;
  /** Row lengths to pad to; default: bucketsUpTo(maxLength). */
  buckets?: readonly number[] | undefined;
  /** Default text classification. */
  task?: Task | undefined;
}

const textInputs = ['input_ids', 'attention_mask', 'token_type_ids'];
const pairFields: readonly Field[] = [
  { name: 'pair_labels', dtype: 'int64', per: 'sample' },
  { name: 'pair_weights', dtype: 'float32', per: 'sample' },
];

/** 32, 64, 128, … and `maxLength` itself, or the multiples of `multiple` where that is given. */
export function bucketsUpTo(maxLength: number, multiple?: number): number[] {
  const buckets: number[] = [];
  const first = multiple ?? 32;
  for (let length = first; length < maxLength; length = multiple ? length + multiple : length * 2) buckets.push(length);
  return [...buckets, maxLength];
}

export class TextLoader extends DataLoader {
  /** Starts the workers. @throws ModelError without a tokenizer; UsageError for an input that text cannot feed. */
  constructor(options: TextFeederOptions) {
    const { directory, inputs, batchSize, maxLength, task = textClassification } = options;
    const tokenizerFile = join(directory, 'tokenizer.json');
    if (!existsSync(tokenizerFile))
      throw new ModelError(`no ${tokenizerFile}: texts need the model's tokenizer.json beside config.json`);
    const config = join(directory, 'tokenizer_config.json');
    const masking = maskingOf(task);
    const wanted = options.buckets ?? bucketsUpTo(maxLength);
    const buckets = [...wanted.toSorted((a, b) => a - b).filter((b) => b < maxLength), maxLength];
    const workerData: TextWorkerData = {
      tokenizerFile,
      tokenizerConfigFile: existsSync(config) ? config : undefined,
      maxLength,
      buckets,
      masking,
    };
    super(options, {
      layout: slotLayout(fieldsOf(inputs, masking), batchSize, maxLength, masking?.probability),
      lengths: buckets,
      preprocessing: { maxLength, buckets },
      worker: new URL('./text-worker.js', import.meta.url),
      workerData,
      failure: ({ failed, message }, rows) =>
        failed === 'worker'
          ? new ModelError(`${tokenizerFile} cannot be used: ${message}`)
          : new DataError(`${rows.location(failed)}: the text cannot be tokenised: ${message}`),
    });
  }
}

function fieldsOf(inputs: TextFeederOptions['inputs'], masking: Masking | undefined): Field[] {
  for (const { name, dtype } of inputs) {
    if (!textInputs.includes(name))
      throw new UsageError(`model input '${name}' cannot be fed from text; known inputs are ${textInputs.join(', ')}`);
    if (dtype !== 'int64' && dtype !== 'int32')
      throw new UsageError(`model input '${name}' must be int64 or int32 to be fed from text, found ${dtype}`);
  }
  const per = masking ? 'target' : 'sample';
  return [
    ...inputs.map(({ name, dtype }): Field => ({ name, dtype, per: 'token' })),
    ...(masking ? [{ name: 'masked_positions', dtype: 'int64', per } as const] : []),
    { name: 'labels', dtype: 'int64', per },
    { name: 'sample_weights', dtype: 'float32', per },
    ...(masking?.nextSentence ? pairFields : []),
  ];
}
