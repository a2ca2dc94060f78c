// Saves a trained model: its directory with everything that opens it, or its adapter alone.

import { join, relative } from 'node:path';
import { OrtuneError } from '../errors.js';
import { writeStaged } from '../files/staging.js';
import type { JoinedModel } from '../onnx/join.js';
import { Tensor } from '../onnx/tensor.js';
import { Arena } from '../runtime/arena.js';
import { taskNamed } from '../tasks/tasks.js';
import type { Attached } from '../transfer/adapter/attach.js';
import { type Merged, mergeLayers, openForAdapters } from '../transfer/adapter/merge.js';
import { writeAdapter } from '../transfer/adapter/write.js';
import { jsonBytes } from '../transfer/beside.js';
import type { ModelConfig } from '../transfer/config.js';
import { writeModelDirectory } from '../transfer/directory.js';
import type { Opened } from './open-model.js';
import type { Saved, SaveRequest } from './protocol.js';

/** @throws OrtuneError where it cannot be written */
export function saveModel(
  { model, choice, config, info, request, beside, siblings, adapted }: Opened,
  { directory, form = 'model', arena: buffer, preprocessor, settled }: SaveRequest,
): Saved {
  const notes: string[] = [];
  const { task, init } = request;
  const { config: configure, files } = taskNamed(task.name);
  const saved = configure(config, info.labels, { ...task.options, ...settled });
  const more = Object.entries(files?.(task.options, info) ?? {}).map(
    ([name, json]) => [name, jsonBytes(json)] as const,
  );
  const arena = Arena.over([...info.parameters, ...info.statistics], buffer);
  const currently = ({ name, shape }: { name: string; shape: readonly number[] }): Tensor =>
    Tensor.view('float32', shape, arena.array(name).slice());
  const all = new Map([...choice.trainable, ...choice.frozen].map((parameter) => [parameter.name, parameter]));
  const tensorNamed = (name: string): Tensor => currently(all.get(name)!);
  const allBeside = new Map([...beside, ...more]);
  if (form === 'adapter') {
    const path = written(directory, (staging) => {
      writeAdapter(staging, adapted!, tensorNamed, {
        config: saved,
        beside: allBeside,
        preprocessor,
        base: model.directory,
        taskType: taskNamed(task.name).peftType ?? null,
        dropout: request.lora!.dropout,
      });
      return staging;
    });
    return { path, notes };
  }
  const kept = adapted?.saved ?? (init === 'random' ? [...choice.trainable, ...choice.frozen] : choice.trainable);
  const { model: file = model, weights: merged = [] } = adapted ? mergeNow(model, config, adapted, tensorNamed) : {};
  const weights = new Map([
    ...[...kept, ...info.statistics].map((parameter) => [parameter.name, currently(parameter)] as const),
    ...merged.map(({ parameter, weight }) => [parameter.name, weight] as const),
  ]);
  const changed = [...kept, ...merged.map(({ parameter }) => parameter)];
  const writing = { config: saved, copies: changed, beside: allBeside, preprocessor, siblings };
  const onNote = (note: string): void => void notes.push(note);
  const path = written(directory, (staging) => writeModelDirectory(file, staging, weights, { ...writing, onNote }));
  return { path, notes };
}

/** The file with the adapter merged in. */
function mergeNow(
  { parts }: JoinedModel,
  config: ModelConfig,
  { adapters }: Attached,
  tensor: (name: string) => Tensor,
): Merged {
  const layers = adapters.map(({ module, a, b, magnitude, scaling }) => {
    const scale = magnitude === undefined ? undefined : tensor(magnitude);
    const layer = { a: tensor(a), b: tensor(b), magnitude: scale, scaling };
    return [module.alias, [layer]] as const;
  });
  return mergeLayers(openForAdapters(parts[0]!.model, config), config, new Map(layers));
}

/** Has `write` fill the directory; the path that it gives, there. @throws OrtuneError where it cannot be written */
function written(directory: string, write: (staging: string) => string): string {
  try {
    return join(
      directory,
      writeStaged(directory, (staging) => relative(staging, write(staging))),
    );
  } catch (error) {
    if (error instanceof OrtuneError || !(error as NodeJS.ErrnoException).code) throw error;
    throw new OrtuneError(`the trained model cannot be written to ${directory}: ${(error as Error).message}`);
  }
}
