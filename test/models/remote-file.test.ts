// Files of URLs, from a server on this machine: what is fetched, what is refused by name, and that nothing is left.

import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import { openFiles } from '#ortune/data/read/files.js';
import { openDataset } from '#ortune/data/splits.js';
import { DataError, ModelError, OrtuneError } from '#ortune/errors.js';
import { fetchRemote } from '#ortune/models/remote-file.js';
import { digitsNetwork } from '../support/digits.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('remote');
const lines = '{"text":"a b","label":"x"}\n{"text":"c","label":"y"}\n';
const asked: IncomingMessage[] = [];

/** By path what is answered. */
const answers: Record<string, (response: ServerResponse) => unknown> = {
  '/a%20b/train.jsonl': (response) => response.end(lines),
  '/net.onnx': (response) => response.end(readFileSync(digitsNetwork)),
  '/page.jsonl': (response) => response.setHeader('content-type', 'text/html; charset=utf-8').end('sign in'),
  '/doctype.csv': (response) => response.end('\n<!DOCTYPE html><html>'),
  '/empty.csv': (response) => response.end(),
  '/moved.jsonl': (response) => response.writeHead(302, { location: '/a%20b/train.jsonl' }).end(),
  '/round.jsonl': (response) => response.writeHead(307, { location: '/round.jsonl' }).end(),
  '/local.jsonl': (response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  '/named.jsonl': (response) => response.writeHead(302, { location: '//me:word@127.0.0.1/x.jsonl' }).end(),
  '/cut.jsonl': (response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"text"');
    setImmediate(() => response.destroy());
  },
  '/silent.jsonl': () => {},
  '/odd.jsonl': (response) => response.end(`${lines}no json\n`),
  '/huge.onnx': (response) => response.writeHead(200, { 'content-length': 3e9 }).write('x'),
  '/large.jsonl': (response) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end('x'.repeat(5000)),
};
const server = createServer((request, response) => {
  asked.push(request);
  const answer = answers[request.url!.replace(/\?.*/, '')];
  if (answer) answer(response);
  else response.writeHead(404).end('<html>not here</html>');
});
let host: string;
beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => {
  vi.unstubAllEnvs();
  asked.length = 0;
});

let folders = 0;
const fetched = (url: string, signal?: AbortSignal) =>
  fetchRemote(url, { folder: join(directory, `${folders++}`), endings: ['.jsonl', '.csv'], signal });

test('is written to its folder, under its name, and told with its size', async () => {
  const { path, note } = await fetched(`${host}/a%20b/train.jsonl?token=secret`);
  expect(readFileSync(path, 'utf8')).toBe(lines);
  expect(path).toMatch(/train\.jsonl$/);
  expect(note).toBe(`'${host}/a%20b/train.jsonl' was fetched for this run: 1 kB`);
  expect(readFileSync((await fetched(`${host}/moved.jsonl`)).path, 'utf8')).toBe(lines);
  for (const { headers } of asked) expect([headers.authorization, headers.cookie]).toEqual([undefined, undefined]);
});

describe('is refused by name', () => {
  test.each<[string, string, RegExp]>([
    ['where there is none', '/none.jsonl', /\/none\.jsonl': the server answered 404 Not Found$/],
    ['for a page of HTML', '/page.jsonl', /sent a page of HTML in place of the file, which begins with 'sign in'/],
    ['for what begins as one', '/doctype.csv', /sent a page of HTML .* begins with '<!DOCTYPE html><html>'/],
    ['for nothing', '/empty.csv', /the server sent nothing/],
    ['for redirects without end', '/round.jsonl', /cannot be fetched: it leads .* more than 5 times/],
    ['for a file of this machine', '/local.jsonl', /it leads to 'null', which is not fetched from http:/],
    ['for a password behind it', '/named.jsonl', /it leads to a URL with a password in it/],
    ['for a broken connection', '/cut.jsonl', /could not be reached, or the connection broke/],
    [
      'for an ending that is none',
      '/data?id=3',
      /\/data' does not say what it is: .* end in \.jsonl, \.csv\. Fetch it/,
    ],
    ['for a name that is an ending', '/.csv', /\/\.csv' does not say what it is/],
  ])('%s', async (_, path, message) => {
    const fetching = fetched(host + path);
    await expect(fetching).rejects.toThrow(message);
    await expect(fetching).rejects.toBeInstanceOf(OrtuneError);
  });

  test('for a password, which no message shows', async () => {
    const error: Error = await fetched('https://me:word@example.org/x.csv').then(
      () => new Error('nothing was thrown'),
      (thrown) => thrown,
    );
    expect(error.message).toMatch(/^'https:\/\/example\.org\/x\.csv': a URL with a name or a password in it/);
    expect(error.message).not.toContain('word@');
  });

  test('for more bytes than are allowed, and for a server that says nothing', async () => {
    vi.stubEnv('ORTUNE_DOWNLOAD_MAX_BYTES', '1000');
    vi.stubEnv('ORTUNE_DOWNLOAD_TIMEOUT', '0.2');
    await expect(fetched(`${host}/large.jsonl`)).rejects.toThrow(
      /than the 1 kB that are allowed\. ORTUNE_DOWNLOAD_MAX_BYTES, or the option maxDownloadBytes,/,
    );
    await expect(fetched(`${host}/silent.jsonl`)).rejects.toThrow(/connection broke \(no answer came in 0\.2 s\)/);
  });

  test('where it is stopped', async () => {
    const reason = new Error('enough');
    const stop = new AbortController();
    const fetching = fetched(`${host}/silent.jsonl`, stop.signal);
    stop.abort(reason);
    await expect(fetching).rejects.toBe(reason);
  });
});

test('an .onnx file has the room that protobuf has, and an option bounds it further', async () => {
  const url = `${host}/huge.onnx`;
  await expect(inspectModel(url)).rejects.toThrow(
    /huge\.onnx has more bytes than the 2\.15 GB .* No file of that name/,
  );
  await expect(inspectModel(`${host}/net.onnx`, { maxDownloadBytes: '1 kB' })).rejects.toThrow(
    /net\.onnx has more bytes than the 1 kB that are allowed\. ORTUNE_DOWNLOAD_MAX/,
  );
});

test('samples and errors are where the user said, in URLs and bytes alike', async () => {
  const columns = [{ role: 'text', kind: 'text', name: 'text' }] as const;
  const url = `${host}/a%20b/train.jsonl`;
  for (const [train, at] of [
    [{ files: [`${url}?token=secret`] }, url],
    [{ name: 'train', file: { bytes: lines, format: 'jsonl' as const } }, 'train'],
  ] as const) {
    const { data, close } = await openDataset({ train, columns });
    expect(data.location(1)).toBe(`${at}:2`);
    await close();
  }
  const broken = openDataset({ train: { files: [`${host}/odd.jsonl`] }, columns });
  await expect(broken).rejects.toThrow(`${host}/odd.jsonl:3: `);
});

test('data and a model by URL are what they are as files', async () => {
  const columns = [
    { role: 'text', kind: 'text', name: 'text' },
    { role: 'label', kind: 'class', name: 'label' },
  ] as const;
  const opened = await openDataset({ train: { files: [`${host}/a%20b/train.jsonl`, `${host}/moved.jsonl`] }, columns });
  expect([opened.data.samples, opened.notes.length]).toEqual([4, 2]);
  const [path] = opened.data.files;
  await opened.close();
  expect(existsSync(path!)).toBe(false);
  const opening = openDataset({ train: { files: [`${host}/none.jsonl`] }, columns });
  await expect(opening).rejects.toBeInstanceOf(DataError);
  await expect(openFiles([`${host}/a%20b/train.jsonl`])).rejects.toThrow(
    /is a URL: train, evaluate and predict fetch it/,
  );
  const events: object[] = [];
  const { operators } = await inspectModel(new URL(`${host}/net.onnx`), { onDownload: (event) => events.push(event) });
  expect(operators).toEqual((await inspectModel(digitsNetwork)).operators);
  expect(events.at(-1)).toMatchObject({ model: `${host}/net.onnx`, file: 'net.onnx' });
  await expect(inspectModel(`${host}/none.onnx`)).rejects.toBeInstanceOf(ModelError);
});
