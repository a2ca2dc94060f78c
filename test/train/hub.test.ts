// Whatever takes a model takes the name of a hub model: the library's functions, on a server and a cache of this
// machine.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchStep } from '#ortune/commands/bench.js';
import {
  buildWordPiece,
  type DownloadEvent,
  evaluate,
  gradcheckModel,
  inspectModel,
  loadModel,
  Trainer,
} from '#ortune/index.js';
import { type HubServer, startHub } from '../support/hub-server.js';
import { smallProblem } from '../support/small-problem.js';

const problem = smallProblem();
const { path } = problem;
const headless = readFileSync('test/fixtures/headless/distilbert-torchscript.onnx');
let hub: HubServer;

beforeAll(async () => {
  hub = await startHub(path('hub'));
  process.env.HF_ENDPOINT = hub.url;
  process.env.ORTUNE_CACHE = path('cache');
  const config = { model_type: 'distilbert', dim: 16, max_position_embeddings: 20 };
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'])
    hub.put('acme/encoder', 'main', file, readFileSync(path(join('encoder', file))));
  hub.put('acme/headless', 'v1', 'config.json', JSON.stringify(config));
  const { tokenizer } = buildWordPiece(problem.lines, { vocabulary: 60, minFrequency: 1 });
  hub.put('acme/headless', 'v1', 'tokenizer.json', JSON.stringify(tokenizer));
  hub.put('acme/headless', 'v1', 'onnx/model.onnx', headless);
});
afterAll(async () => {
  await hub.close();
});

describe('a model named as on the hub', () => {
  it('is trained, its name kept as it was written, and saved as a directory', async () => {
    const options = { model: 'acme/headless@v1', train: path('train.jsonl'), threads: 1, maxSteps: 1, maxLength: 16 };
    const trainer = new Trainer({ ...options, output: path('run') });
    const told: string[] = [];
    trainer.on('download', ({ file, loadedBytes, totalBytes }) => {
      if (loadedBytes === totalBytes) told.push(file);
    });
    trainer.on('start', ({ model }) => told.push(`start ${model}`));
    const result = await trainer.run();
    expect(told).toEqual(['config.json', 'tokenizer.json', 'onnx/model.onnx', 'start acme/headless@v1']);
    expect(result.steps).toBe(1);
    expect(JSON.parse(readFileSync(path('run/config.json'), 'utf8')).model).toBe('acme/headless@v1');
    expect(existsSync(join(result.output, 'tokenizer.json'))).toBe(true);
    expect(existsSync(join(result.output, '.downloaded.json'))).toBe(false);
  });

  it('may be interrupted while it is downloaded', async () => {
    const stop = new AbortController();
    const options = { model: 'acme/encoder', train: path('train.jsonl'), output: path('stopped'), threads: 1 };
    const trainer = new Trainer(options).on('download', () => stop.abort());
    await expect(trainer.run({ signal: stop.signal })).rejects.toThrow(/aborted/);
    expect(existsSync(path('stopped'))).toBe(false);
  });

  it('is measured, opened, inspected, checked and timed', async () => {
    const files = new Set<string>();
    const onDownload = ({ file }: DownloadEvent) => files.add(file);
    const { metrics } = await evaluate({ model: 'acme/encoder', data: path('test.csv'), threads: 1 }, { onDownload });
    expect(metrics.samples).toBe(20);
    expect(files).toContain('onnx/model.onnx');
    hub.asked();
    const loaded = await loadModel('acme/encoder', { threads: 1 });
    expect(loaded.labels).toEqual(['ham', 'spam']);
    await loaded.close();
    expect((await inspectModel('acme/encoder')).undifferentiable).toEqual([]);
    expect((await gradcheckModel('acme/encoder', { threads: 1 })).failed).toBe(0);
    const size = { batch: 2, seq: 8, warmup: 0, steps: 1, threads: 1 };
    expect((await benchStep({ model: 'acme/encoder', ...size })).parameters).toBeGreaterThan(0);
    expect(hub.asked()).toEqual([]);
  });
});
