// Runs the trainer on a small problem through the library, and looks at what it wrote.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import type { TrainResult } from '#ortune/events.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { fileTensors } from '#ortune/onnx/save.js';
import { Trainer } from '#ortune/train/trainer.js';

/**
 * Options of run after run over the small problem, each with an output of its own: `usual`, then what a test changes.
 */
export function newRuns(path: (name: string) => string, usual: Partial<TrainOptions>) {
  let runs = 0;
  return (more: Partial<TrainOptions> = {}): Run => ({
    model: path('encoder'),
    train: path('train.jsonl'),
    output: path(`run${runs++}`),
    learningRate: 1e-3,
    threads: 1,
    ...(usual as Partial<Run>),
    ...(more as Partial<Run>),
  });
}

/** Options whose output is a path. */
export type Run = TrainOptions & { output: string };

export interface Ran {
  result: TrainResult;
  losses: number[];
  warnings: string[];
  /** Hash of the trained .onnx file, or files, or of the adapter alone. */
  bits: string;
}

export async function train(
  options: TrainOptions,
  { signal, onStep }: { signal?: AbortSignal; onStep?: (step: number) => void } = {},
): Promise<Ran> {
  const trainer = new Trainer(options);
  const losses: number[] = [];
  const warnings: string[] = [];
  trainer.on('step', ({ step, loss }) => {
    losses.push(loss);
    onStep?.(step);
  });
  trainer.on('warning', ({ message }) => warnings.push(message));
  const result = await trainer.run({ signal });
  return {
    result,
    losses,
    warnings,
    bits: hashOf(Buffer.concat(modelFiles(result.output).map((file) => readFileSync(file)))),
  };
}

const modelFiles = (directory: string): string[] => {
  const folder = join(directory, 'onnx');
  if (!existsSync(folder)) return [join(directory, 'adapter_model.safetensors')];
  const files = readdirSync(folder).filter((file) => file.endsWith('.onnx'));
  return files.sort().map((file) => join(folder, file));
};

export const modelFile = (directory: string): string => join(directory, 'onnx', 'model.onnx');

export const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Hash of every float tensor of a model file that is more than one number, by name. */
export function weightHashes(path: string): Map<string, string> {
  const model = openModel(path);
  const graph = toGraph(model);
  const names = [...fileTensors(model)]
    .filter(([, { dtype, shape }]) => dtype === 'float32' && shape.some((d) => d > 1))
    .map(([name]) => name);
  return new Map(
    names.flatMap((name) => {
      const tensor = graph.initializers.get(name);
      return tensor ? [[name, hashOf(tensor.bytes())] as const] : [];
    }),
  );
}
