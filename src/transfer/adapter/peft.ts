// Directories of adapters as PEFT writes and reads them: adapter_config.json, and the tensors in
// adapter_model.safetensors under `base_model.model.` and their place in PyTorch's model. What a directory holds is
// read off its tensors; the configuration says how they are scaled. Source: PEFT, docs/source/developer_guides/
// checkpoint.md and utils/save_and_load.py.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StoredTensors } from '../../data/stored-tensors.js';
import { DataError, ModelError, UsageError } from '../../errors.js';
import { isObject, type Json, textOf } from '../../files/json.js';
import { readModelJson } from '../../files/model-files.js';
import type { StoredType } from '../../files/safetensors.js';
import { convertFloat } from '../../onnx/convert.js';
import type { DataType } from '../../onnx/dtype.js';
import { Tensor } from '../../onnx/tensor.js';
import { quote, shown } from '../../quote.js';
import { type AdapterShape, scalingOf } from './options.js';

export const configFile = 'adapter_config.json';
export const tensorFile = 'adapter_model.safetensors';
const prefix = 'base_model.model.';

/** What an adapter adds to one layer, as float32. */
export interface AdapterLayer {
  a: Tensor;
  b: Tensor;
  magnitude?: Tensor | undefined;
  scaling: number;
}

/** An adapter as a directory holds it. */
export interface StoredAdapter extends AdapterShape {
  directory: string;
  /** PEFT's name of the task, where it says one. */
  taskType: string | undefined;
  dropout: number;
  /** By the path of the layer, as the task's class in PyTorch has it. */
  layers: ReadonlyMap<string, AdapterLayer>;
  /** Parameters that were trained as they are, by their names there. */
  saved: ReadonlyMap<string, Tensor>;
}

const parts: Readonly<Record<string, keyof AdapterLayer>> = {
  'lora_A.weight': 'a',
  'lora_B.weight': 'b',
  lora_embedding_A: 'a',
  lora_embedding_B: 'b',
  lora_magnitude_vector: 'magnitude',
};

/** Whether a directory holds an adapter. */
export const holdsAdapter = (directory: string): boolean => existsSync(join(directory, configFile));

/**
 * @throws UsageError for a directory without an adapter; ModelError for one of another kind, or whose files do not fit
 *   together; DataError for a damaged file of tensors
 */
export function readAdapter(directory: string): StoredAdapter {
  const json = readModelJson(directory, configFile);
  if (!json || !existsSync(join(directory, tensorFile)))
    throw new UsageError(
      `${directory} holds no adapter: expected ${configFile} and ${tensorFile}, as PEFT and ortune write them`,
    );
  const file = join(directory, configFile);
  const config = checked(json, file);
  const tensors = readTensors(join(directory, tensorFile));
  const found = new Map<string, Partial<AdapterLayer>>();
  const saved = new Map<string, Tensor>();
  for (const [key, tensor] of tensors) {
    const name = key.startsWith(prefix) ? key.slice(prefix.length) : key;
    const part = Object.keys(parts).find((end) => name.endsWith(`.${end}`));
    if (!part && /\.lora_|\.ia3_|\.ada/.test(name))
      throw new ModelError(
        `${join(directory, tensorFile)}: tensor ${quote(key)} is none that ortune knows of LoRA and DoRA`,
      );
    if (!part) {
      saved.set(name, tensor);
      continue;
    }
    const path = name.slice(0, -part.length - 1);
    found.set(path, { ...found.get(path), [parts[part]!]: tensor });
  }
  const { alphas, ...shape } = config;
  const layers = new Map([...found].map(([path, layer]) => [path, whole(path, layer, shape, alphas, directory)]));
  return { directory, ...shape, layers, saved };
}

/** A layer with both matrices, of one rank. */
function whole(
  path: string,
  { a, b, magnitude }: Partial<AdapterLayer>,
  shape: AdapterShape,
  alphas: readonly [RegExp, number][],
  directory: string,
): AdapterLayer {
  const rank = a?.shape[0];
  const complete = a && b && rank && b.shape[1] === rank && (magnitude !== undefined) === shape.dora;
  if (!complete)
    throw new ModelError(
      `${join(directory, tensorFile)}: the tensors of ${quote(path)} do not fit together: expected lora_A [rank, in], lora_B [out, rank]` +
        `${shape.dora ? ' and lora_magnitude_vector' : ''}, found ${a ? `[${a.shape}]` : 'no A'} and ${b ? `[${b.shape}]` : 'no B'}`,
    );
  const alpha = alphas.find(([pattern]) => pattern.test(path))?.[1] ?? shape.alpha;
  return { a, b, magnitude, scaling: scalingOf({ ...shape, rank, alpha }) };
}

/** Keys that change what an adapter computes, where they are set, and that ortune does not know. */
const unknown = [
  ...[
    'use_qalora',
    'use_bdlora',
    'lora_bias',
    'alora_invocation_tokens',
    'arrow_config',
    'kasa_config',
    'monteclora_config',
  ],
  ...['layer_replication', 'target_parameters', 'trainable_token_indices', 'velora_config'],
];

type Checked = AdapterShape & Pick<StoredAdapter, 'dropout' | 'taskType'> & { alphas: [RegExp, number][] };

function checked(json: Json, file: string): Checked {
  const refuse = (problem: string): never => {
    throw new ModelError(`${file}: ${problem}`);
  };
  const number = (key: string, fallback: number): number => {
    const value = json[key] ?? fallback;
    return typeof value === 'number' && Number.isFinite(value)
      ? value
      : refuse(`${quote(key)} must be a number, found ${shown(JSON.stringify(value))}`);
  };
  const kind = textOf(json.peft_type);
  if (kind !== 'LORA')
    refuse(`peft_type is ${shown(JSON.stringify(json.peft_type) ?? 'missing')}, and ortune reads LORA`);
  const other = unknown.find((key) => json[key] && (!Array.isArray(json[key]) || json[key].length > 0));
  if (other !== undefined) refuse(`${other} is set, which ortune does not know`);
  if (json.bias !== undefined && json.bias !== 'none')
    refuse(`bias is ${shown(JSON.stringify(json.bias))}, and ortune reads adapters that leave biases alone (none)`);
  const patterns = isObject(json.alpha_pattern) ? Object.entries(json.alpha_pattern) : [];
  return {
    dora: json.use_dora === true,
    rank: number('r', 8),
    alpha: number('lora_alpha', 8),
    rslora: json.use_rslora === true,
    dropout: number('lora_dropout', 0),
    taskType: textOf(json.task_type),
    alphas: patterns.map(([key, value]) =>
      typeof value === 'number'
        ? [patternOf(key, refuse), value]
        : refuse(`alpha_pattern: ${quote(key)} has no number`),
    ),
  };
}

/** As PEFT matches the keys of its patterns: at the end of a path. */
function patternOf(key: string, refuse: (problem: string) => never): RegExp {
  try {
    return new RegExp(`^(.*\\.)?(${key})$`);
  } catch {
    return refuse(`alpha_pattern: ${quote(key)} is no regular expression that JavaScript knows`);
  }
}

const floats: Partial<Record<StoredType, DataType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F64: 'float64',
};

function readTensors(path: string): Map<string, Tensor> {
  return StoredTensors.with(path, 'the tensors of an adapter', (stored) => {
    const read = (name: string): Tensor => {
      const { dtype, shape, begin, end } = stored.place(name);
      const type = floats[dtype];
      if (!type) throw new DataError(`${path}: ${quote(name)} is ${dtype}, expected floats`);
      return convertFloat(new Tensor(type, shape, stored.read(stored.start + begin, end - begin)), 'float32');
    };
    return new Map(stored.tensorNames.map((name) => [name, read(name)]));
  });
}

/** What a configuration is written of. */
export interface AdapterToWrite {
  shape: AdapterShape;
  dropout: number;
  /** The layers, by path, with the rank and the alpha of each. */
  layers: ReadonlyMap<string, { rank: number; alpha: number }>;
  /** Paths of the modules that are saved. */
  saved: readonly string[];
  taskType: string | null;
  base: string;
  fanInFanOut: boolean;
}

/**
 * adapter_config.json, with what PEFT needs to build the same layers; what it does not name has PEFT's defaults. Ranks
 * and alphas that are not those of the shape, as an adapter that came from PEFT may have them, stand by layer.
 */
export function adapterConfig({ shape, dropout, layers, saved, ...rest }: AdapterToWrite): Json {
  const others = (key: 'rank' | 'alpha'): Record<string, number> =>
    Object.fromEntries(
      [...layers].flatMap(([path, of]) => (Math.abs(of[key] / shape[key] - 1) < 1e-9 ? [] : [[path, of[key]]])),
    );
  return {
    alpha_pattern: others('alpha'),
    base_model_name_or_path: rest.base,
    bias: 'none',
    fan_in_fan_out: rest.fanInFanOut,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: shape.alpha,
    lora_dropout: dropout,
    modules_to_save: saved.length > 0 ? [...saved] : null,
    peft_type: 'LORA',
    r: shape.rank,
    rank_pattern: others('rank'),
    target_modules: [...layers.keys()],
    task_type: rest.taskType,
    use_dora: shape.dora,
    use_rslora: shape.rslora,
  };
}

/** A tensor's key in the file. */
export const keyOf = (name: string): string => prefix + name;
