// Packs the data of a run: what `ortune pack` and `pack` do. Texts where a model is given, whose tokenizer makes their tokens;
// else pictures.

import { existsSync } from 'node:fs';
import { parseOptions } from '../config/options.js';
import { type PackConfig, type PackOptions, packSchema } from '../config/pack-schema.js';
import { DataClient } from '../data/data-client.js';
import type { PackProgress } from '../data/pack/pack-blocks.js';
import { type PackedTexts, packTexts } from '../data/pack/pack-texts.js';
import { UsageError } from '../errors.js';
import { type ResolveOptions, resolveModel } from '../models/hub.js';
import { openModel, toGraph } from '../onnx/load.js';
import { maxPositions, readModelConfig } from '../transfer/config.js';
import { textShape } from './text-shape.js';

export type PackResult = PackedTexts & { output: string; seconds: number; notes: readonly string[] };

export interface PackHooks extends ResolveOptions {
  /** Told after every block. */
  onProgress?: ((progress: PackProgress) => void) | undefined;
}

/**
 * Writes data once decoded or tokenised as a file that `train`, `evaluate` and `predict` read without doing so again.
 * @param options those of `ortune pack`
 * @returns undefined when the signal ended it; the same call goes on where it was
 * @throws UsageError for a wrong option and an output that is there; DataError, with its place, for what cannot be packed
 */
export async function pack(options: PackOptions, hooks: PackHooks = {}): Promise<PackResult | undefined> {
  const config = parseOptions(packSchema, options);
  const started = performance.now();
  if (existsSync(config.output) && !config.overwrite)
    throw new UsageError(`${config.output} is there already; set overwrite to replace it, or name another output`);
  const client = new DataClient();
  try {
    const packed = await packTheTexts(config, client, hooks);
    return packed && { ...packed, output: config.output, seconds: (performance.now() - started) / 1000 };
  } finally {
    await client.close();
  }
}

async function packTheTexts(
  config: PackConfig,
  client: DataClient,
  { signal, onDownload, onProgress }: PackHooks,
): Promise<(PackedTexts & { notes: readonly string[] }) | undefined> {
  const { data, output, workers, textColumn: text, pairColumn: pair, weightColumn } = config;
  const label = config.labelled ? config.labelColumn : undefined;
  const model = openModel(await resolveModel(config.model!, { signal, onDownload }));
  const parameters = [...toGraph(model).initializers].map(([alias, { shape }]) => ({ alias, shape }));
  const positions = maxPositions(readModelConfig(model.directory), parameters);
  const { directory, maxLength } = textShape(model.directory, positions, config);
  const columns = { text, pair, label, weight: weightColumn };
  const opened = await client.ask({ kind: 'open', columns, train: data, seed: 0, streaming: false }, signal);
  const { source, hash } = opened.train;
  const { table } = source as Extract<typeof source, { table: unknown }>;
  const labels = label === undefined ? undefined : opened.labels;
  const packed = await packTexts({
    ...{ table, hash, labels, weightColumn, output, directory, maxLength, workers, onProgress, signal },
  });
  return packed && { ...packed, notes: opened.notes };
}
