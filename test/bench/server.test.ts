// The example of docs/server.md, a server that trains, driven over HTTP as its users would.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { trainingServer } from '../../bench/server.mjs';
import { smallProblem } from '../support/small-problem.js';

const { path } = smallProblem();
const server: Server = trainingServer();
let url: string;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** The events of one run from now on: names in order, and the data of the last. */
async function follow(onEvent: (name: string) => void = () => {}) {
  const response = await fetch(`${url}/events`);
  const names: string[] = [];
  return {
    names,
    end: (async () => {
      let text = '';
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const messages = text.split('\n\n');
        text = messages.pop()!;
        for (const message of messages) {
          const [, name, data] = message.match(/^event: (.*)\ndata: (.*)$/)!;
          names.push(name!);
          onEvent(name!);
          if (name === 'done' || name === 'failed') return JSON.parse(data!);
        }
      }
    })(),
  };
}

const post = (options: object) => fetch(`${url}/train`, { method: 'POST', body: JSON.stringify(options) });
const stop = () => fetch(`${url}/train`, { method: 'DELETE' });
const options = (output: string, more: object = {}) => ({
  model: path('encoder'),
  train: path('train.jsonl'),
  eval: path('test.csv'),
  output: path(output),
  epochs: 2,
  threads: 2,
  ...more,
});

it('trains while it serves, and streams its progress', async () => {
  const { names, end } = await follow();
  expect((await post(options('first'))).status).toBe(202);
  expect((await post(options('second'))).status).toBe(409);
  expect(await (await fetch(url)).json()).toMatchObject({ up: true, step: expect.any(Number) });
  const result = await end;
  expect(result).toMatchObject({ steps: 8, interrupted: false });
  expect(names.filter((name) => name === 'step')).toHaveLength(8);
  expect(names.filter((name) => name === 'evaluation')).toHaveLength(2);
  expect(existsSync(path('first/model/onnx/model.onnx'))).toBe(true);
});

it('cancels on request, with a checkpoint to resume from', async () => {
  let asked = false;
  const { end } = await follow((name) => {
    if (name === 'step' && !asked) stop();
    asked ||= name === 'step';
  });
  await post(options('cancelled', { epochs: 1000 }));
  const cancelled = await end;
  expect(cancelled.interrupted).toBe(true);
  expect(existsSync(`${cancelled.checkpoint}/state.json`)).toBe(true);
  expect((await stop()).status).toBe(404);
});

it('answers a wrong option with what is wrong', async () => {
  const response = await post(options('wrong', { epoch: 3 }));
  expect(response.status).toBe(400);
  expect(((await response.json()) as { error: string }).error).toMatch(/unknown option 'epoch'; did you mean 'epochs'/);
  expect((await fetch(`${url}/nothing`)).status).toBe(404);
});
