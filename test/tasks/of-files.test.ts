import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { taskOfFiles } from '#ortune/tasks/of-files.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

it.each([
  ['a directory of an encoder and a decoder', 'test/fixtures/seq2seq/t5', 'seq2seq'],
  ['a directory of one model', 'models/tiny-en', undefined],
  ['a file', 'models/tiny-en/onnx/model.onnx', undefined],
  ['what is not there', 'models/none', undefined],
  ['what is below a file', 'models/tiny-en/onnx/model.onnx/onnx', undefined],
])('the task of %s', (_, path, task) => {
  expect(taskOfFiles(join(root, path))).toBe(task);
});
