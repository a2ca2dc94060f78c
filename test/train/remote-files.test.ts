// A run on data and a model that are named by URLs: the bits of a run on the same files, and a resumed one that finds
// other data under the URL.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { Trainer } from '#ortune/train/trainer.js';
import { digitsFile, digitsNetwork, digitsRuns } from '../support/digits.js';
import { temporaryDirectory } from '../support/temporary.js';
import { train } from '../support/train.js';

test('a run from URLs has the bits of one from files, and resumes on the same data alone', async () => {
  const files: Record<string, string> = {
    '/net.onnx': digitsNetwork,
    '/train.safetensors': digitsFile('train'),
    '/test.safetensors': digitsFile('test'),
  };
  const server = createServer(({ url }, response) => response.end(readFileSync(files[url!]!)));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const usual = { task: 'image-classification', epochs: 1, maxSteps: 4 } as const;
    const runs = digitsRuns(temporaryDirectory('remote-run'));
    const local = await train(runs({ ...usual, test: digitsFile('test') }));
    const options = runs({
      ...usual,
      model: new URL(`${host}/net.onnx`),
      train: new URL(`${host}/train.safetensors`),
      test: [`${host}/test.safetensors`],
    });
    const remote = await train(options);
    expect(remote.bits).toBe(local.bits);
    expect(remote.result.metrics).toEqual(local.result.metrics);
    const [fetched, others] = [true, false].map((is) => remote.warnings.filter((note) => note.includes(host) === is));
    expect(fetched!.map((note) => note.replace(host, ''))).toEqual([
      "'/train.safetensors' was fetched for this run: 33 kB",
      "'/test.safetensors' was fetched for this run: 12 kB",
    ]);
    expect(others).toEqual(local.warnings);
    files['/train.safetensors'] = digitsFile('test');
    const resumed = new Trainer({ ...options, resume: 'latest' }).run();
    await expect(resumed).rejects.toThrow(/train: the samples of http.*train\.safetensors are not the same/);
  } finally {
    server.close();
  }
});
