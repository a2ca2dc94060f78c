// The losses of the task tensors as a configuration lists them, and what they read of a model and of the data.

import { basename, resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import type { DataType } from '../../onnx/dtype.js';
import type { Dim } from '../../onnx/graph.js';
import { quote } from '../../quote.js';
import { lossFiles } from '../losses/loss-files.js';
import { type TensorLossName, tensorLosses } from '../losses/named.js';
import type { ModelValues, TaskConfig } from '../task.js';

/** A loss as a configuration lists it. */
export type GivenLoss = { output?: string; target?: string; loss: TensorLossName | { file: string }; weight?: number };

export interface NamedLoss {
  /** What its figures are called. */
  label: string;
  output: string;
  target: string;
  loss: TensorLossName;
  weight: number;
}

export interface FileLoss {
  label: string;
  file: string;
  weight: number;
}

export interface TensorOptions {
  losses: readonly (NamedLoss | FileLoss)[];
  /** Name in the data of an input that the model calls otherwise. */
  inputColumns: Readonly<Record<string, string>>;
}

/** A target that the losses read. */
export interface Target {
  column: string;
  dtype: DataType;
  /** What it stands before, and how that is stated. */
  what: string;
  stated: readonly Dim[] | undefined;
  /** Where its numbers are classes: how many there are, as far as the model states that. */
  classes: number | undefined;
}

export const fieldOf = (target: string): string => `target.${target}`;

export function optionsOf({ losses = [], inputColumns = {} }: TaskConfig): TensorOptions {
  return { losses: labelled(losses), inputColumns };
}

/**
 * The losses with names for their figures: that of the output, and of the loss too where several are over one output.
 */
function labelled(losses: readonly GivenLoss[]): TensorOptions['losses'] {
  const taken = new Set<string>();
  return losses.map(({ output, target, loss, weight = 1 }) => {
    const [first, second] =
      typeof loss === 'string' ? [output!, `${output}-${loss}`] : [basename(loss.file, '.onnx'), basename(loss.file)];
    // A dot in a metric's name leads into an object.
    const plain = (text: string): string => text.replaceAll('.', '_');
    let label = plain(taken.has(plain(first)) ? second : first);
    for (let n = 2; taken.has(label); n++) label = `${plain(second)}-${n}`;
    taken.add(label);
    return typeof loss === 'string'
      ? { label, output: output!, target: target!, loss, weight }
      : { label, file: resolve(loss.file), weight };
  });
}

export const columnOf = (input: string, { inputColumns }: TensorOptions): string => inputColumns[input] ?? input;

/** Outputs that the losses read. @throws UsageError for one that the model does not have */
export function outputsOf({ losses }: TensorOptions, all: readonly string[]): string[] {
  const read = losses.flatMap((one) =>
    'file' in one ? lossFiles().openLossFile(one.file, all).outputs : [one.output],
  );
  const unknown = read.find((output) => !all.includes(output));
  if (unknown !== undefined)
    throw new UsageError(
      `losses: the model has no output ${quote(unknown)}; found ${all.map((output) => quote(output)).join(', ')}`,
    );
  return [...new Set(read)];
}

/** Targets that the losses read; none where a model only predicts. */
export function targetsOf(options: TensorOptions, { inputs, outputs }: ModelValues): Target[] {
  const all = outputs.map((output) => output.name);
  outputsOf(options, all);
  for (const input of Object.keys(options.inputColumns))
    if (!inputs.some((one) => one.name === input))
      throw new UsageError(
        `inputColumns: the model has no input ${quote(input)}; found ${inputs.map((one) => quote(one.name)).join(', ')}`,
      );
  const targets = new Map<string, Target>();
  const add = (target: Target): void => {
    const known = targets.get(target.column);
    if (known && known.dtype !== target.dtype)
      throw new UsageError(
        `losses: target ${quote(target.column)} is ${known.dtype} for one loss and ${target.dtype} for another; give it twice, under two names`,
      );
    targets.set(target.column, known ?? target);
  };
  for (const one of options.losses) {
    if ('file' in one) {
      for (const { name: column, dtype, shape: stated } of lossFiles().openLossFile(one.file, all).targets)
        add({ column, dtype, stated, what: `${one.file} takes ${quote(column)} as`, classes: undefined });
      continue;
    }
    const { shape } = outputs.find((output) => output.name === one.output)!;
    const ofClasses = tensorLosses[one.loss].target === 'int64';
    const classes = ofClasses && typeof shape?.[1] === 'number' ? shape[1] : undefined;
    add({
      column: one.target,
      dtype: tensorLosses[one.loss].target,
      stated: ofClasses ? shape && [shape[0]!, ...shape.slice(2)] : shape,
      what: `${one.loss} over output ${quote(one.output)} takes`,
      classes,
    });
  }
  return [...targets.values()];
}
