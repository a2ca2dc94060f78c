// Packs data for training: what `ortune pack` and `pack` do. Texts where a model is given, whose tokenizer makes their
// tokens; else pictures.

import { existsSync } from 'node:fs';
import { checkHooks, checkOptions, resolvingKeys } from '../arguments.js';
import { parseOptions } from '../config/options.js';
import { type PackConfig, type PackOptions, packSchema } from '../config/pack-schema.js';
import { imageColumns, textColumns } from '../data/column-specs.js';
import { DataClient } from '../data/data-client.js';
import { Remarks } from '../data/images/remarks.js';
import { parseSize } from '../data/pack/fit-picture.js';
import type { PackProgress } from '../data/pack/pack-blocks.js';
import { type PackedImages, packImages } from '../data/pack/pack-images.js';
import { type PackedTexts, packTexts } from '../data/pack/pack-texts.js';
import type { OpenedData } from '../data/protocol.js';
import { formOf } from '../data/read/form.js';
import { sequenceLengths } from '../data/sequence-lengths.js';
import type { Table } from '../data/table.js';
import { OrtuneError, UsageError } from '../errors.js';
import { Lock } from '../files/lock.js';
import { type ResolveOptions, resolveModel } from '../models/hub.js';
import { openModel, toGraph } from '../onnx/load.js';
import { fixedLength } from '../tasks/fixed-axes.js';
import { BadSamples, type SkippedSample } from '../train/bad-samples.js';
import { maxPositions, readModelConfig } from '../transfer/config.js';

export interface PackResult extends PackedImages, Partial<Pick<PackedTexts, 'tokens' | 'truncated'>> {
  output: string;
  /** Pictures that could not be decoded and are not in the file. */
  skipped: readonly SkippedSample[];
  notes: readonly string[];
  seconds: number;
}

export interface PackHooks extends ResolveOptions {
  /** Told after every block. */
  onProgress?: ((progress: PackProgress) => void) | undefined;
  /** Told of each picture that is left out. */
  onSkipped?: ((sample: SkippedSample) => void) | undefined;
}

type Packed = Omit<PackResult, 'output' | 'seconds'>;

/**
 * Writes data once decoded or tokenised as a file that `train`, `evaluate` and `predict` read without doing so again.
 * @param options those of `ortune pack`
 * @returns undefined when the signal ended it; the same call goes on where it was
 * @throws UsageError for a wrong option and an output that is there; DataError, with its place, for what cannot be
 * packed
 */
export async function pack(options: PackOptions, hooks: PackHooks = {}): Promise<PackResult | undefined> {
  checkOptions(options, 'pack: options');
  checkHooks(hooks, 'pack', [...resolvingKeys, 'onProgress', 'onSkipped']);
  const config = parseOptions(packSchema, options);
  const { output, overwrite, model } = config;
  const started = performance.now();
  const lock = await Lock.take(`${output}.lock`, `output ${output}`);
  const client = new DataClient();
  try {
    if (existsSync(output) && !overwrite)
      throw new UsageError(`${output} is there already; set overwrite to replace it, or name another output`);
    const packed = await (model === undefined ? pictures(config, client, hooks) : texts(model, config, client, hooks));
    return packed && { output, ...packed, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new OrtuneError(
      `${output} cannot be written: ${(error as Error).message}. What has been packed is kept; the same command goes on with it`,
    );
  } finally {
    await client.close();
    lock.release();
  }
}

async function pictures(config: PackConfig, client: DataClient, hooks: PackHooks): Promise<Packed | undefined> {
  const { data, labelled, labelNames, multiLabel, weightColumn, maxBadSamples } = config;
  const { signal, onProgress, onSkipped } = hooks;
  const columns = imageColumns({ ...config, labelColumn: labelled ? config.labelColumn : undefined });
  const request = {
    train: { files: data },
    columns,
    weights: weightColumn,
    labelNames,
    multiLabel,
    form: formOf(config),
  };
  const opened = await client.request({ kind: 'open', ...request, seed: 0, scratch: client.scratch }, signal);
  const { hash } = opened.train;
  const table = tableOf(opened);
  const skipped = new BadSamples({ samples: table.count, maxBadSamples }, (sample) => onSkipped?.(sample));
  const remarks = new Remarks();
  const packed = await packImages({
    ...config,
    ...{ table, hash, onProgress, signal },
    labels: labelled ? opened.labels : undefined,
    named: opened.named,
    size: parseSize(config.size)!,
    bad: (sample) => skipped.add(sample),
    remark: (remark) => remarks.add(remark),
  });
  return packed && { ...packed, skipped: skipped.all, notes: [...opened.notes, ...remarks.notes] };
}

async function texts(
  model: string,
  config: PackConfig,
  client: DataClient,
  { signal, onDownload, onProgress }: PackHooks,
): Promise<Packed | undefined> {
  const { data, textColumn, pairColumn, labelNames, weightColumn: weights } = config;
  const labelColumn = config.labelled ? config.labelColumn : undefined;
  const file = openModel(await resolveModel(model, { signal, onDownload }));
  const graph = toGraph(file);
  const parameters = [...graph.initializers].map(([alias, { shape }]) => ({ alias, shape }));
  const positions = maxPositions(readModelConfig(file.directory), parameters);
  const { directory } = file;
  const { maxLength } = sequenceLengths({ positions, fixed: fixedLength(graph.inputs) }, config);
  const columns = textColumns({ textColumn, pairColumn, labelColumn });
  const more = { labelNames, form: formOf(config), seed: 0, scratch: client.scratch };
  const request = { train: { files: data }, columns, weights, ...more };
  const opened = await client.request({ kind: 'open', ...request }, signal);
  const packed = await packTexts({
    ...config,
    ...{ directory, maxLength },
    ...{ table: tableOf(opened), hash: opened.train.hash, onProgress, signal },
    labels: labelColumn === undefined ? undefined : opened.labels,
  });
  return packed && { ...packed, skipped: [], notes: opened.notes };
}

function tableOf({ train: { source } }: OpenedData): Table {
  if ('table' in source) return source.table;
  throw new Error('the data is streamed');
}
