// What a model says of samples after its training: the names in the config.json that a run saves, as predictions give
// them back. No model is run: its outputs are made to point at the classes that are wanted.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labelsOfConfig } from '#ortune/data/labels.js';
import type { ClassPrediction } from '#ortune/tasks/classes.js';
import type { MeasuredBatch } from '#ortune/tasks/task.js';
import { loadTask, type TaskName } from '#ortune/tasks/tasks.js';
import type { TokenPrediction } from '#ortune/tasks/token-classification.js';
import { readModelConfig } from '#ortune/transfer/config.js';

let saved = 0;

/** The names of a model's classes after a run with these was saved and opened again. */
export async function savedNames(task: TaskName, classes: readonly string[], directory: string): Promise<string[]> {
  const { config, options } = await loadTask(task);
  const folder = join(directory, `model${saved++}`);
  mkdirSync(folder, { recursive: true });
  // What the base model said of its classes is gone, whatever it was.
  const before = { model_type: 'bert', id2label: { 0: 'old', 1: 'older' }, label2id: { old: 0, older: 1 } };
  const after = config(before, classes, options({ task }));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(after));
  return [...(labelsOfConfig(readModelConfig(folder))?.names ?? [])];
}

/** What is said of samples whose outputs are highest for these classes; one word each where words are labelled. */
export async function predicted(
  task: TaskName,
  names: readonly string[],
  classes: readonly number[],
): Promise<string[]> {
  const { predict, merge, options } = await loadTask(task);
  const size = Math.max(names.length, ...classes.map((id) => id + 1));
  const logits = new Float32Array(classes.length * size);
  for (const [row, id] of classes.entries()) logits[row * size + id] = 8;
  const given = options({ task });
  const tools = { decode: async () => [] };
  if (task !== 'token-classification') {
    const batch = { samples: Uint32Array.from(classes.keys()), inputs: new Map(), slices: {} };
    const results = { logits: { dtype: 'float32', shape: [classes.length, size], data: logits } } as const;
    const said = await predict!(results, batch as unknown as MeasuredBatch, names, given, tools);
    return said.map((one: ClassPrediction) => one.label);
  }
  const text = Buffer.from(classes.map((_, i) => `w${i}`).join(' '));
  const chunk = new SharedArrayBuffer(text.length);
  Buffer.from(chunk).set(text);
  const batch = {
    samples: Uint32Array.of(0),
    inputs: new Map(
      Object.entries({
        input_ids: [],
        scored: new Int32Array(classes.length).fill(1),
        token_words: Int32Array.from(classes.keys()),
        starts: Int32Array.from(classes, (_, i) => 3 * i),
        ends: Int32Array.from(classes, (_, i) => 3 * i + 2),
        labels: [],
        sample_weights: [],
      }).map(([name, data]) => [name, { shape: [1, classes.length], data }]),
    ),
    slices: { text: { kind: 'text', chunks: [chunk], spans: Uint32Array.of(0, 0, text.length) } },
  };
  const results = { logits: { dtype: 'float32', shape: [1, classes.length, size], data: logits } } as const;
  const parts: TokenPrediction[] = await predict!(results, batch as unknown as MeasuredBatch, names, given, tools);
  return [...(merge!(parts, given) as TokenPrediction).tags];
}
