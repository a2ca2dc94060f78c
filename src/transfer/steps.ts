// What transfer makes of a model's file before a head is fitted to it: a row for each option, in the order in which
// they act. A further one is its file, a row here and its option in config/transfer-fields.ts.

import type { Model } from '../onnx/model.js';
import type { ModelConfig } from './config.js';
import { dequantise, requantise } from './dequantise.js';
import { keepLayers } from './keep-layers.js';

export interface TransferOptions {
  /** How many layers of the trunk stay, from the first; undefined: all. */
  keepLayers?: number | undefined;
  /** Whether weights that the file stores as rounded numbers become floats. */
  dequantise?: boolean | undefined;
  /** Whether those floats are rounded again when the model is written. */
  requantise?: boolean | undefined;
}

interface Prepared {
  model: Model;
  config: ModelConfig;
}

interface Step<K extends keyof TransferOptions = keyof TransferOptions> {
  option: K;
  /** Leaves `model` as it is. `note`: for people, where something changed. */
  prepare(model: Model, config: ModelConfig, value: TransferOptions[K]): Prepared & { note: string | undefined };
}

export const transferSteps: readonly Step[] = [
  { option: 'dequantise', prepare: dequantise as Step['prepare'] },
  { option: 'requantise', prepare: requantise as Step['prepare'] },
  { option: 'keepLayers', prepare: keepLayers as Step['prepare'] },
];

/** @throws UsageError, ModelError for a model that does not have what an option requires */
export function prepareModel(
  model: Model,
  config: ModelConfig,
  options: TransferOptions,
): Prepared & { notes: string[] } {
  let prepared: Prepared = { model, config };
  const notes: string[] = [];
  for (const { option, prepare } of transferSteps) {
    const { note, ...changed } = prepare(prepared.model, prepared.config, options[option]);
    prepared = changed;
    if (note !== undefined) notes.push(note);
  }
  return { ...prepared, notes };
}
