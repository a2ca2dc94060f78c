// A model with adapters merged in, as a directory that opens everywhere.

import { readdirSync, statSync } from 'node:fs';
import { checkHooks, checkOptions, resolvingKeys } from '../arguments.js';
import { mergeSchema } from '../config/merge-schema.js';
import { parseOptions } from '../config/options.js';
import { mergeAdapters } from '../engine/merged-model.js';
import { UsageError } from '../errors.js';
import { placeModel } from '../models/given-model.js';
import type { ResolveOptions } from '../models/hub.js';

export interface MergeResult {
  output: string;
  /** Layers that changed. */
  layers: number;
  notes: readonly string[];
}

/**
 * Writes a model directory with the weights of `model` and what the adapters add to them.
 * @throws UsageError for a directory without an adapter, and for an output that holds something; ModelError for an
 * adapter
 *   of another model
 */
export async function merge(
  options: { model: string; adapters: string | readonly string[]; output: string },
  resolving: ResolveOptions = {},
): Promise<MergeResult> {
  checkOptions(options, 'merge: options');
  checkHooks(resolving, 'merge', resolvingKeys);
  const { model, adapters, output } = parseOptions(mergeSchema, options);
  // A model, an adapter that was taken for the output, or anything else would be mixed with what is written.
  const there = statSync(output, { throwIfNoEntry: false });
  if (there && (!there.isDirectory() || readdirSync(output).length > 0))
    throw new UsageError(
      `output ${output} is there already, and holds something: the merged model is written into a directory of its own. ` +
        'Choose another, or remove it.',
    );
  const place = await placeModel(model, undefined, resolving);
  try {
    return { output, ...(await mergeAdapters({ model: place.path, adapters, output })) };
  } finally {
    await place.close();
  }
}
