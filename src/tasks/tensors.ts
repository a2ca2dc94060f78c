// Any graph, any targets: the model's inputs are tensors of the data by name, and each loss stands between an output of
// the model and a target. So a network on a table, on series, an auto-encoder or one with several inputs and outputs
// trains with one configuration. Losses are those of losses/named.ts, or a graph of the user's
// (losses/loss-file.ts).

import type { ColumnSpec, TensorSlice } from '../data/columns.js';
import { writeWeights } from '../data/encode.js';
import type { Field } from '../data/slots.js';
import type { Table } from '../data/table.js';
import { UsageError } from '../errors.js';
import { type NamedTensor, writeSafetensors } from '../files/write-safetensors.js';
import { ratio } from '../metrics/classification.js';
import type { TypedArray } from '../onnx/dtype.js';
import { metricsLine } from '../report/metrics.js';
import type { TensorView } from '../runtime/session.js';
import { loadLossFiles, lossFiles } from './losses/loss-files.js';
import { rowOf, tensorLosses, tensorLossNames } from './losses/named.js';
import type { EncodingPlan, ModelValues, Prediction, Task, TaskConfig } from './task.js';
import { figureNames, figuresOf } from './tensors/figures.js';
import {
  columnOf,
  type FileLoss,
  fieldOf,
  type GivenLoss,
  type NamedLoss,
  optionsOf,
  outputsOf,
  type Target,
  type TensorOptions,
  targetsOf,
} from './tensors/options.js';
import { addLosses, lossResult, tensorResults } from './tensors/results.js';
import { sampleShape } from './tensors/shapes.js';

const name = 'tensors';

/** Of one loss: what is measured depends on it. */
export interface TensorFigures {
  mae?: number;
  rmse?: number;
  r2?: number;
  accuracy?: number;
}

export interface TensorsResult extends TensorFigures {
  samples: number;
  /** The sum of all losses, each by its weight; means over the samples. */
  loss: number;
  /** Where there are several losses: the figures of each, by its output. */
  outputs?: Readonly<Record<string, TensorFigures & { loss: number }>>;
}

/** Of one loss its own figures; of several those of each. */
export type TensorMetric = 'loss' | keyof TensorFigures | `outputs.${string}.${'loss' | keyof TensorFigures}`;

export interface TensorPrediction extends Prediction {
  /** Of one sample, by the model's outputs. */
  outputs: Readonly<Record<string, TensorView>>;
}

/** Fields of the slot. */
interface Written {
  field: string;
  /** Role of the column. */
  column: string;
  classes?: number | undefined;
}

export const tensors = {
  name,
  purpose: 'numbers of any model, against targets by losses that you name',
  fields: ({ z, about, path, place }) => {
    const inputColumns = z
      .record(z.string(), path)
      .default({})
      .meta(
        about(`${name}: column or tensor of the data for an input of the model, where it is called otherwise.`, {
          expects: 'a map of names, as in {x: features}',
        }),
      );
    const loss = z.strictObject({
      output: path.optional(),
      target: path.optional(),
      loss: z.union([z.enum(tensorLossNames), z.strictObject({ file: place })]),
      weight: z.number().gt(0).default(1),
    });
    const losses = z
      .array(loss)
      .min(1)
      .optional()
      .meta(
        about(
          `${name}: the losses, whose weighted sum is minimised: each between an output of the model and a target of the data, ` +
            `by ${tensorLossNames.join(', ')}, or {file: loss.onnx}.`,
          { expects: 'a list, as in [{output: y, target: t, loss: mse, weight: 1}]', value: 'YAML' },
        ),
      );
    return { all: { losses, inputColumns }, train: {}, predict: { inputColumns } };
  },
  load: loadLossFiles,
  lossFiles: filesOf,
  shared: ['losses', 'inputColumns'] as const,
  recognises: ({ losses }) => losses !== undefined,
  opens: ({ config }) => (config.ortune as { task?: string } | undefined)?.task === name,
  *contradictions({ train, losses }) {
    // A saved model may know its losses.
    if (train !== undefined && losses === undefined)
      yield `task ${name} needs 'losses': list what is compared with what, as in [{output: y, target: t, loss: mse}]`;
    for (const [i, { loss, output, target }] of ((losses ?? []) as GivenLoss[]).entries()) {
      const file = typeof loss !== 'string';
      if (file && (output !== undefined || target !== undefined))
        yield `option 'losses[${i}]': the inputs of a loss file are outputs and targets by their names; leave output and target out`;
      if (!file && (output === undefined || target === undefined))
        yield `option 'losses[${i}]': ${loss} stands between an output of the model and a target of the data; name both`;
    }
  },
  options: optionsOf,
  // A saved model knows what it was trained with; files of losses are not kept in it.
  ofModel({ config: { ortune } }, given) {
    const { losses, inputColumns } = (ortune ?? {}) as Partial<Record<'losses' | 'inputColumns', object>>;
    const named = Object.keys((given.inputColumns as object | undefined) ?? {}).length > 0;
    return {
      losses: given.losses ?? losses,
      inputColumns: named ? given.inputColumns : (inputColumns ?? {}),
    };
  },
  readsModel: true,
  columns(config, model) {
    if (!model) return [];
    const options = optionsOf(config);
    const inputs = model.inputs.map((input) => columnOf(input.name, options));
    const targets = targetsOf(options, model).map(({ column }) => column);
    return [
      ...[...new Set(inputs)].map((column): ColumnSpec => ({ role: column, kind: 'tensor', name: column })),
      ...[...new Set(targets)]
        .filter((column) => !inputs.includes(column))
        .map((column): ColumnSpec => ({ role: column, kind: 'tensor', name: column, target: true })),
    ];
  },
  classes: false,
  head: 'none',
  headDropout: false,
  dropout: { fallback: 0, head: [], headFallback: 0 },
  // Nothing is kept of a frozen trunk (no writeTargets).
  cacheable: () => false,
  plan(model, config, tables, options): EncodingPlan {
    const shape = shapesAmong(tables);
    const own: Field[] = model.inputs.map((input) => {
      const column = columnOf(input.name, options);
      const what = `input '${input.name}' of the model takes`;
      const { dtype, shape: stated } = input;
      return { name: input.name, dtype, shape: ['batch', ...sampleShape({ ...shape(column), what, stated })] };
    });
    const columns = new Set(tables.flatMap((table) => Object.keys(table.columns)));
    const there = (target: Target): boolean => tables.length === 0 || columns.has(target.column);
    const targets = targetsOf(options, model).filter(there);
    const written: Written[] = [
      ...model.inputs.map((input) => ({ field: input.name, column: columnOf(input.name, options) })),
      ...targets.map(({ column, classes }) => ({ field: fieldOf(column), column, classes })),
    ];
    return {
      fields: [
        ...own,
        ...targets.map(({ column, dtype, what, stated }) => {
          const sample = sampleShape({ ...shape(column), what, stated });
          return { name: fieldOf(column), dtype, shape: ['batch', ...sample] };
        }),
        { name: 'sample_weights', dtype: 'float32', shape: ['batch'] },
      ],
      encoding: { written },
      preprocessing: { written },
      notes: notesOf(options, config, model),
    };
  },
  async encoder(encoding) {
    const [{ TensorReader }, { writeTensor }] = await Promise.all([
      import('../data/tensor-reader.js'),
      import('../data/write-tensor.js'),
    ]);
    const { written } = encoding as { written: readonly Written[] };
    const reader = new TensorReader();
    return ({ slices, weights }, slot) => {
      for (const { field, column, classes } of written) {
        const slice = slices[column] as TensorSlice;
        writeTensor(slot, { name: field, what: column, column: slice, reader }, { classes });
      }
      const normaliser = writeWeights(slot, 'sample_weights', weights);
      return { axes: {}, tokens: 0, truncated: 0, weights: { normaliser } };
    };
  },
  outputs: (options, { main, all }) => {
    const read = outputsOf(options, all);
    return Object.fromEntries((read.length > 0 ? read : [main]).map((output) => [output, output]));
  },
  loss: (b, outputs, options) => addLosses(b, outputs, options),
  resultsOf: tensorResults,
  metrics: ({ losses }): TensorMetric[] => [
    'loss',
    ...losses.flatMap((one): TensorMetric[] => {
      const figures = figuresNamed(one);
      if (losses.length === 1) return [...figures];
      return (['loss', ...figures] as const).map((figure) => `outputs.${one.label}.${figure}` as const);
    }),
  ],
  meter: (_, { losses }) => {
    if (losses.length === 0)
      throw new UsageError(
        `the model's config.json names no losses: give 'losses', as in [{output: y, target: t, loss: mse}]`,
      );
    const figures = losses.map((one) => figuresOf[figureKind(one)]());
    const sums = losses.map(() => 0);
    let samples = 0;
    return {
      add(results, batch) {
        const count = batch.samples.length;
        samples += count;
        for (const [i, one] of losses.entries()) {
          const { data } = results[lossResult(i)]!;
          for (let b = 0; b < count; b++) sums[i]! += Number(data[data.length === 1 ? 0 : b]);
          if ('file' in one) continue;
          const output = results[one.output]!;
          const target = batch.inputs.get(fieldOf(one.target))!;
          for (let b = 0; b < count; b++) figures[i]!.add(rowOf(output, b), rowOf(target, b));
        }
      },
      result(): TensorsResult {
        const parts = sums.map((sum) => ratio(sum, samples));
        const loss = losses.reduce((total, { weight }, i) => total + weight * parts[i]!, 0);
        if (losses.length === 1) return { samples, loss, ...figures[0]!.result() };
        const each = losses.map(({ label }, i) => [label, { loss: parts[i]!, ...figures[i]!.result() }] as const);
        return { samples, loss, outputs: Object.fromEntries(each) };
      },
    };
  },
  report: ({ samples, outputs = {}, ...result }) =>
    [
      `${samples} samples: ${metricsLine(result)}`,
      ...Object.entries(outputs).map(([label, figures]) => `${label}: ${metricsLine(figures)}`),
    ].join('\n'),
  predict: (results, { samples }) =>
    Array.from(samples, (_, row): TensorPrediction => {
      const outputs = Object.entries(results).map(([output, { dtype, shape, data }]) => {
        const size = data.length / shape[0]!;
        const own = (data as TypedArray & { slice(from: number, to: number): TypedArray }).slice(
          row * size,
          (row + 1) * size,
        );
        return [output, { dtype, shape: shape.slice(1), data: own }] as const;
      });
      return { outputs: Object.fromEntries(outputs) };
    }),
  unusable: (error): TensorPrediction => ({ outputs: {}, error }),
  write(predictions, path) {
    const bad = predictions.find(({ error }) => error !== undefined);
    if (bad) throw new UsageError(`${path} is not written: ${bad.place}: ${bad.error}`);
    const [first] = predictions;
    const all = Object.entries(first?.outputs ?? {}).map(([output, { dtype, shape, data }]): NamedTensor => {
      const values = new (data.constructor as Float32ArrayConstructor)(data.length * predictions.length);
      for (const [i, prediction] of predictions.entries())
        values.set(prediction.outputs[output]!.data as Float32Array, i * data.length);
      return { name: output, dtype, shape: [predictions.length, ...shape], data: values };
    });
    writeSafetensors(path, all);
  },
  show: ({ outputs }, what) => {
    const values = Object.entries(outputs).map(([output, { data }]) => `${output} ${preview(data)}`);
    return `${what}\t${values.join('\t')}`;
  },
  config: (config, _, { losses, inputColumns }) => ({
    ...config,
    ortune: {
      task: name,
      ...(losses.every((one) => !('file' in one)) && {
        losses: (losses as NamedLoss[]).map(({ label, ...loss }) => loss),
      }),
      ...(Object.keys(inputColumns).length > 0 && { inputColumns }),
    },
  }),
} satisfies Task<TensorOptions, TensorsResult, TensorPrediction>;

const figureKind = (one: NamedLoss | FileLoss) => ('file' in one ? 'none' : tensorLosses[one.loss].figures);
const figuresNamed = (one: NamedLoss | FileLoss): readonly (keyof TensorFigures)[] => figureNames[figureKind(one)];

/** What tables that are in memory have as one sample of a column. */
function shapesAmong(tables: readonly Table[]) {
  return (column: string) => {
    const [table] = tables;
    const slice = table?.columns[column] as TensorSlice | undefined;
    return { column: `${table?.origin.files.join(', ') ?? 'data'}: '${column}'`, found: slice?.shape };
  };
}

/** What is to be known of the losses that are files. @throws UsageError for weights that have no part in them */
function notesOf(options: TensorOptions, config: TaskConfig, { outputs }: ModelValues): string[] {
  const all = outputs.map((output) => output.name);
  return filesOf(options).flatMap((file) => {
    const { openLossFile, lossFileNotes } = lossFiles();
    return lossFileNotes(openLossFile(file, all), outputs, config);
  });
}

function filesOf({ losses }: TensorOptions): string[] {
  return losses.flatMap((one) => ('file' in one ? [one.file] : []));
}

/** The first numbers of an output. */
function preview(data: ArrayLike<number | bigint>): string {
  const numbers = Array.from({ length: Math.min(8, data.length) }, (_, i) => {
    const value = data[i]!;
    return typeof value === 'bigint' || Number.isInteger(value) ? `${value}` : Number(value).toPrecision(5);
  });
  return `[${numbers.join(', ')}${data.length > 8 ? ', …' : ''}]`;
}
