// What tasks that read texts have in common: refusals, and how texts are loaded for a model.

import { refuseOtherTokens } from '../data/pack/tokens.js';
import { sequenceLengths } from '../data/sequence-lengths.js';
import type { Table } from '../data/table.js';
import { tokenAxes, tokenFields } from '../data/text/encode.js';
import { surveyTexts } from '../data/text/survey.js';
import { readTokenizer } from '../data/tokenizer/files.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { DataError } from '../errors.js';
import { fixedLength } from './fixed-axes.js';
import type { EncodingPlan, LoadedFor, ModelValue, TaskConfig } from './task.js';

/** Whether a model reads texts. */
export const readsTexts = (inputs: readonly ModelValue[]): boolean => inputs.some(({ name }) => name === 'input_ids');

/** Of a model of pictures, which would be refused further on in words that help less. */
export const refusePictures =
  (task: string, pictureTask: string) =>
  (inputs: readonly ModelValue[]): string | undefined =>
    inputs.length === 1 && inputs[0]!.shape?.length === 4
      ? `input '${inputs[0]!.name}' takes pictures, and the task is ${task}; set task ${pictureTask}, with data in .safetensors files`
      : undefined;

/** @throws DataError where texts are packed, which a task cannot use, with its reason and what to do */
export function refusePacked(tables: readonly Table[], why: string): void {
  const packed = tables.find(({ tokens }) => tokens);
  if (packed) throw new DataError(`${packed.origin.files.join(', ')}: ${why}`);
}

/**
 * Of texts, without what a loss reads. @throws ModelError, UsageError for a model; DataError for tokens of another one
 */
export async function textPlan(model: LoadedFor, config: TaskConfig, tables: readonly Table[]): Promise<EncodingPlan> {
  const { directory, inputs, maxPositions, embeddingRows, purpose } = model;
  const fixed = fixedLength(inputs);
  const { maxLength, buckets } = sequenceLengths(
    { positions: maxPositions, fixed },
    { maxLength: config.maxLength, buckets: config.buckets },
  );
  for (const { tokens, origin } of tables)
    if (tokens) refuseOtherTokens(tokens, origin.files, { directory, maxLength });
  const { hash } = readTokenizer(directory);
  const encoding: TextEncoding = { directory, maxLength, hash, embeddingRows, tolerant: purpose === 'predict' };
  const fields = tokenFields(inputs);
  const ofTexts = purpose === 'train' ? await surveyTexts(encoding, tables) : [];
  return {
    fields,
    axes: tokenAxes(buckets),
    encoding,
    preprocessing: { maxLength, buckets },
    maxLength,
    notes: [...ofTexts, ...(fixed === undefined ? [] : [fixedNote(fixed, maxLength)])],
  };
}

const fixedNote = (fixed: number, maxLength: number): string =>
  `the model file takes texts of ${fixed} tokens alone: shorter ones are padded to that, longer ones cut at ${maxLength}`;
