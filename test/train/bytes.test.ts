// Models and data as bytes and file: URLs: the same bits as from their files, and nothing left behind.

import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { expect, it, vi } from 'vitest';
import { gradcheckModel } from '#ortune/commands/gradcheck.js';
import { inspectModel } from '#ortune/commands/inspect.js';
import { loadModel, predict } from '#ortune/commands/predict.js';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { UsageError } from '#ortune/errors.js';
import { pathOf } from '#ortune/files/path-of.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { temporaryDirectory } from '../support/temporary.js';
import { modelFile, newRuns, train } from '../support/train.js';

const { path } = smallProblem();
// Of this file's alone: others write models there, too.
vi.stubEnv('TMPDIR', temporaryDirectory('bytes'));
const config = newRuns(path, { maxSteps: 2, batchSize: 16, eval: path('test.csv') });
const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'];
const files = (directory: string) =>
  Object.fromEntries(names.map((name) => [name, readFileSync(`${directory}/${name}`)]));
const written = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('ortune-model-'));

const fromFiles = await train(config());

it('give what their files give', async () => {
  const before = written();
  const options = config({
    model: { files: files(path('encoder')) },
    train: { bytes: readFileSync(path('train.jsonl')), format: 'jsonl' },
    eval: { bytes: readFileSync(path('test.csv'), 'utf8'), format: 'csv' },
  });
  const { result, bits } = await train(options);
  expect(bits).toBe(fromFiles.bits);
  expect(result.metrics).toEqual(fromFiles.result.metrics);
  expect(written()).toEqual(before);
  const saved = { files: files(result.output) };
  const measured = await evaluate({ model: saved, data: { bytes: readFileSync(path('test.csv')), format: 'csv' } });
  expect(measured.metrics.samples).toBe(20);
  expect(await predict({ model: saved }, ['win cash'])).toEqual(await predict({ model: result.output }, ['win cash']));
  expect(written()).toEqual(before);
});

it('file: URLs are paths wherever a path may stand', async () => {
  const url = (name: string): URL => pathToFileURL(path(name));
  const { output } = config();
  const options = {
    ...config({ model: url('encoder'), train: [url('train.jsonl')], eval: url('test.csv').href }),
    output: pathToFileURL(output),
  };
  const trainer = new Trainer(options);
  expect(trainer.config).toMatchObject({ model: path('encoder'), train: [path('train.jsonl')], output });
  const result = await trainer.run();
  expect(readFileSync(modelFile(result.output))).toEqual(readFileSync(modelFile(fromFiles.result.output)));
  const model = await loadModel(pathToFileURL(result.output));
  expect(model.labels).toEqual(['ham', 'spam']);
  await model.close();
});

it('models are looked at as bytes and URLs, too', async () => {
  const file = path('encoder/onnx/model.onnx');
  const found = await inspectModel(readFileSync(file));
  expect(await inspectModel(pathToFileURL(file))).toEqual(found);
  const input = ['input_ids=2x4:int64:0..9', 'attention_mask=2x4:int64:1..1', 'token_type_ids=2x4:int64:0..1'];
  expect(await gradcheckModel(readFileSync(file), { input })).toMatchObject({ failed: 0 });
  expect(written()).toEqual([]);
});

it.each<[string, Partial<Record<keyof TrainOptions, unknown>>, string]>([
  [
    'no format',
    { train: { bytes: 'a' } },
    'train: format must be one of jsonl, ndjson, csv, tsv, parquet, safetensors',
  ],
  ['a format', { train: { bytes: 'a', format: 'xls' } }, "or of texts as jsonl.gz, found the text 'xls'"],
  ['no bytes', { eval: { bytes: [1], format: 'csv' } }, 'eval: bytes must be a Uint8Array, an ArrayBuffer or a text'],
  ['more keys', { eval: { bytes: 'a', format: 'csv', name: 'x' } }, "eval has no 'name'; there are bytes, format"],
  ['a URL of another machine', { output: 'file://elsewhere/runs' }, "'file://elsewhere/runs' names no file of this"],
])('what is none is refused: %s', (_, wrong, message) => {
  const options = { ...config(), ...wrong } as TrainOptions;
  expect(() => new Trainer(options)).toThrow(expect.objectContaining({ message: expect.stringContaining(message) }));
});

it.each([
  [
    { files: { '../model.onnx': new Uint8Array(1) } },
    "model.files: '../model.onnx' is no path within a model directory",
  ],
  [{ files: { 'config.json': '{}' } }, 'model.files holds no .onnx file'],
  [{ files: { 'model.onnx': 7 } }, "model.files: 'model.onnx' must be a Uint8Array or a text, found the number 7"],
  [7, 'inspectModel: path must be a path, a URL, or the bytes of a model, found the number 7'],
])('and of models: %j', async (model, message) => {
  await expect(inspectModel(model as never)).rejects.toThrow(message);
  expect(written()).toEqual([]);
});

it('URLs of any realm are paths; other texts stay what they are', () => {
  expect(pathOf(runInNewContext('new URL("file:///a/b%20c.csv")', { URL }))).toBe('/a/b c.csv');
  expect(pathOf('FILE:///a')).toBe('/a');
  for (const other of ['a/b', 'owner/name', 7, undefined, ['file:///a']]) expect(pathOf(other)).toEqual(other);
  expect(pathOf(new URL('https://example.org/a'))).toBe('https://example.org/a');
  expect(() => pathOf('file://elsewhere/a')).toThrow(UsageError);
});
