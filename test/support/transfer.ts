// Models in a temporary directory: written, and run with the stock runtime on two texts of five tokens.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { openModel } from '#ortune/onnx/load.js';
import type { Model } from '#ortune/onnx/model.js';
import { saveModel } from '#ortune/onnx/save.js';
import { temporaryDirectory } from './temporary.js';

const directory = temporaryDirectory('transfer');
let files = 0;
const fresh = (): string => join(directory, `${files++}.onnx`);

/** Opens a model that is built in memory. */
export function built(bytes: Uint8Array): Model {
  const file = fresh();
  writeFileSync(file, bytes);
  return openModel(file);
}

/** The outputs for what `feed` gives for the names of the model's inputs. */
export async function runOn(
  model: Model,
  feed: (names: readonly string[]) => Record<string, ort.Tensor>,
): Promise<Record<string, ort.Tensor>> {
  const file = fresh();
  saveModel(model, file, new Map());
  const session = await ort.InferenceSession.create(file);
  const outputs = await session.run(feed(session.inputNames));
  await session.release();
  return outputs;
}

/** The outputs for two texts, the second one padded. */
export function run(model: Model, mask = [1, 1, 1, 1, 1, 1, 1, 0, 0, 0]): Promise<Record<string, ort.Tensor>> {
  const int64 = (values: number[]) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [2, 5]);
  const feeds: Record<string, ort.Tensor> = {
    input_ids: int64([2, 7, 9, 30, 3, 2, 11, 1, 1, 1]),
    attention_mask: int64(mask),
    token_type_ids: int64(new Array(10).fill(0)),
  };
  return runOn(model, (names) => Object.fromEntries(names.map((name) => [name, feeds[name]!])));
}
