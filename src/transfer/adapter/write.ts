// Writes an adapter in PEFT's form, with the files that say how the model is used beside it: configuration with its
// classes, and tokenizer. PEFT reads the first two files alone.

import { join } from 'node:path';
import { writeSafetensors } from '../../files/write-safetensors.js';
import type { Tensor } from '../../onnx/tensor.js';
import { type FilesBeside, jsonBytes, writeFilesBeside } from '../beside.js';
import type { ModelConfig } from '../config.js';
import type { Attached } from './attach.js';
import { familyOf } from './families.js';
import { alphaOf } from './options.js';
import { adapterConfig, configFile, keyOf, tensorFile } from './peft.js';
import { asSaved, pathOfTask } from './stored.js';

export interface WriteAdapter {
  /** How config.json of the model will be. */
  config: ModelConfig;
  beside: FilesBeside;
  preprocessor?: object | undefined;
  /** Name or path of the model. */
  base: string;
  /** PEFT's name of the task; null where it has none. */
  taskType: string | null;
  dropout: number;
}

/** @param current what a tensor is now, by its name in the graph */
export function writeAdapter(
  directory: string,
  { adapters, saved, turned, shape }: Attached,
  current: (name: string) => Tensor,
  { config, beside, preprocessor, base, taskType, dropout }: WriteAdapter,
): void {
  const pathOf = pathOfTask(config, taskType === 'FEATURE_EXTRACTION');
  const tensors = adapters.flatMap(({ module, a, b, magnitude }) => {
    const path = pathOf(module.alias, module.head);
    const own = [a, b, ...(magnitude === undefined ? [] : [magnitude])];
    return own.map((name) => [path + name.slice(module.alias.length), current(name)] as const);
  });
  const kept = saved.map(
    ({ name, alias, head }) => [pathOf(alias, head), asSaved(current(name), turned(name))] as const,
  );
  const json = adapterConfig({
    shape,
    dropout,
    layers: new Map(
      adapters.map(({ module, a, scaling }) => {
        const [rank] = current(a).shape as [number];
        return [pathOf(module.alias, module.head), { rank, alpha: alphaOf(scaling, rank, shape.rslora) }];
      }),
    ),
    saved: [...new Set(kept.map(([name]) => name.replace(/\.[^.]*$/, '')))],
    taskType,
    base,
    fanInFanOut: familyOf(config.model_type).fanInFanOut === true,
  });
  const files = new Map([...beside, ['config.json', jsonBytes(config)], [configFile, jsonBytes(json)]] as const);
  writeFilesBeside(directory, files, preprocessor);
  writeSafetensors(
    join(directory, tensorFile),
    [...tensors, ...kept].map(([name, tensor]) => ({
      name: keyOf(name),
      dtype: tensor.dtype,
      shape: tensor.shape,
      data: tensor.data(),
    })),
    { format: 'pt' },
  );
}
