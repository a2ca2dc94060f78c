// The files of a freshly built model directory in transformers.js layout.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What config.json says of the classes, in the order of the logits. */
export const labelsOf = (labels: readonly string[]) => ({
  num_labels: labels.length,
  id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
  label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
});

/** Writes models into `onnx/` by their names without .onnx, and JSON files by name. */
export function writeModelFiles(
  directory: string,
  models: Readonly<Record<string, Uint8Array>>,
  files: Readonly<Record<string, unknown>>,
): void {
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  for (const [name, bytes] of Object.entries(models)) writeFileSync(join(directory, 'onnx', `${name}.onnx`), bytes);
  for (const [name, value] of Object.entries(files))
    writeFileSync(join(directory, name), `${JSON.stringify(value, null, 2)}\n`);
}
