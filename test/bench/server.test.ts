// The example of docs/server.md, a server that trains, driven over HTTP as its users would.

import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { trainingServer } from '../../bench/server.mjs';
import { smallProblem } from '../support/small-problem.js';

const { path, directory } = smallProblem();
const token = 'a-token';
const server: Server = trainingServer({ folder: directory, token });
let url: string;
beforeAll(async () => {
  for (const folder of ['models', 'data/mails']) mkdirSync(path(folder), { recursive: true });
  cpSync(path('encoder'), path('models/encoder'), { recursive: true });
  cpSync(path('train.jsonl'), path('data/mails/train.jsonl'));
  cpSync(path('train.jsonl'), path('data/mails/eval.jsonl'));
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
  const response = await fetch(`${url}/events`, { headers });
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

const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const send = (body: string, more: object = {}) =>
  fetch(`${url}/train`, { method: 'POST', body, headers: { ...headers, ...more } });
const post = (options: object) => send(JSON.stringify(options));
const stop = () => fetch(`${url}/train`, { method: 'DELETE', headers });
const options = (output: string, more: object = {}) => ({
  model: 'encoder',
  data: 'mails',
  output,
  epochs: 2,
  ...more,
});
const said = async (response: Response) => [response.status, ((await response.json()) as { error: string }).error];

it('trains while it serves, and streams its progress', async () => {
  const { names, end } = await follow();
  expect((await post(options('first'))).status).toBe(202);
  expect((await post(options('second'))).status).toBe(409);
  expect(await (await fetch(url, { headers })).json()).toMatchObject({ up: true, step: expect.any(Number) });
  const result = await end;
  expect(result).toMatchObject({ steps: 8, interrupted: false });
  expect(names.filter((name) => name === 'step')).toHaveLength(8);
  expect(names.filter((name) => name === 'evaluation')).toHaveLength(2);
  expect(existsSync(path('runs/first/model/onnx/model.onnx'))).toBe(true);
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

it('answers what cannot be with what is wrong', async () => {
  expect(await said(await post(options('wrong', { epochs: 'many' })))).toEqual([400, expect.stringMatching(/epochs/)]);
  expect(await said(await post(options('wrong', { batchSize: -1 })))).toEqual([
    400,
    expect.stringMatching(/batchSize/),
  ]);
  expect((await fetch(`${url}/nothing`, { headers })).status).toBe(404);
  for (const body of ['null', '[]', '"x"', '3'])
    expect(await said(await send(body))).toEqual([400, expect.stringMatching(/must be a JSON object/)]);
  expect(await said(await send('{"model":'))).toEqual([400, 'the body is no JSON']);
  expect(await said(await send(`{"model": "${'x'.repeat(100_000)}"}`))).toEqual([
    413,
    expect.stringMatching(/more than 16384/),
  ]);
  expect(await said(await send('{}', { 'content-type': 'text/plain' }))).toEqual([415, expect.any(String)]);
});

it('takes names and no paths, and no option that is the server’s', async () => {
  for (const name of ['../encoder', '/etc', 'a/b', '.', '', null, ['encoder'], 'x\u0000'])
    expect(await said(await post(options('run', { model: name })))).toEqual([
      400,
      expect.stringMatching(/^models: expected/),
    ]);
  for (const name of ['..', 'runs/../x']) expect((await post(options(name))).status).toBe(400);
  for (const other of ['overwrite', 'train', 'trunkCacheDirectory', '__proto__'])
    expect(await said(await send(`{"model":"encoder","data":"mails","output":"run","${other}":"x"}`))).toEqual([
      400,
      expect.stringMatching(/is not for clients/),
    ]);
  expect(existsSync(path('runs/run'))).toBe(false);
});

it('answers nobody who does not know the token, whatever site he comes from', async () => {
  const foreign = { 'content-type': 'text/plain', origin: 'https://elsewhere.example' };
  for (const authorization of [undefined, 'Bearer wrong', `Basic ${token}`, 'Bearer a-tokem'])
    for (const [method, route] of [
      ['GET', '/'],
      ['GET', '/events'],
      ['POST', '/train'],
      ['DELETE', '/train'],
    ]) {
      const body = method === 'POST' ? { body: JSON.stringify(options('foreign')) } : {};
      const response = await fetch(url + route, {
        method,
        ...body,
        headers: { ...foreign, ...(authorization && { authorization }) },
      });
      expect(response.status).toBe(401);
      await response.text();
    }
  expect(existsSync(path('runs/foreign'))).toBe(false);
});

it('starts one of two runs whose requests come slowly at the same time', async () => {
  const { end } = await follow();
  const { port } = server.address() as AddressInfo;
  const open = async (output: string) => {
    const body = JSON.stringify(options(output));
    const head = Object.entries({ ...headers, host: 'x', 'content-length': body.length, connection: 'close' });
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `POST /train HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body.slice(0, 10)}`,
    );
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    const closed = once(socket, 'close');
    return async () => {
      socket.write(body.slice(10));
      await closed;
      return Number(answer.split(' ')[1]);
    };
  };
  const both = [await open('slow1'), await open('slow2')];
  expect((await Promise.all(both.map((finish) => finish()))).sort()).toEqual([202, 409]);
  expect(await end).toMatchObject({ steps: 8, interrupted: false });
});
