// Models named as on the hub, downloaded from a server on this machine.

import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hubToken } from '#ortune/environment.js';
import { ModelError, UsageError } from '#ortune/errors.js';
import { Lock } from '#ortune/files/lock.js';
import { type DownloadEvent, parseHubName, resolveModel } from '#ortune/models/hub.js';
import { openModel } from '#ortune/onnx/load.js';
import { external, floats, linear, writeModel } from '../onnx/support.js';
import { type HubServer, leave, startHub } from '../support/hub-server.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = temporaryDirectory();
const encoder = readFileSync('test/fixtures/headless/distilbert-torchscript.onnx');
const config = JSON.stringify({ model_type: 'distilbert' });
let hub: HubServer;
let cache: string;

beforeAll(async () => {
  hub = await startHub(join(root, 'hub'));
  hub.put('acme/tiny', 'main', 'config.json', config);
  hub.put('acme/tiny', 'main', 'tokenizer.json', '{}');
  hub.put('acme/tiny', 'main', 'tokenizer_config.json', '{}');
  hub.put('acme/tiny', 'main', 'onnx/model.onnx', encoder);
});
afterAll(() => hub.close());
beforeEach(({ task }) => {
  delete process.env.HF_TOKEN;
  cache = join(root, task.id);
  process.env.ORTUNE_CACHE = cache;
  process.env.HF_ENDPOINT = hub.url;
  hub.answer = leave;
  hub.asked();
});

const filesIn = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
        .sort()
    : [];
const whole = ['.downloaded.json', 'config.json', 'onnx/model.onnx', 'tokenizer.json', 'tokenizer_config.json'];

/** An error as its user reads it. */
async function failureOf(name: string): Promise<string> {
  const error = await resolveModel(name).catch((reason) => reason);
  expect(error).toBeInstanceOf(ModelError);
  return error.message;
}

/** A server that was there. */
async function goneUrl(): Promise<string> {
  const gone = await startHub(root);
  await gone.close();
  return gone.url;
}

describe('parseHubName', () => {
  it.each([
    ['Xenova/distilbert-base-uncased', 'Xenova/distilbert-base-uncased', 'main'],
    ['acme/tiny@v1.0', 'acme/tiny', 'v1.0'],
    ['acme/tiny@refs/pr/1', 'acme/tiny', 'refs/pr/1'],
  ])('%s', (name, id, revision) => {
    expect(parseHubName(name)).toEqual({ id, revision });
  });

  it.each([
    ...['tiny', './acme/tiny', '../tiny', '/acme/tiny', 'acme/tiny/', 'a/b/c', 'acme/tiny.onnx', 'acme\\tiny'],
    ...['acme/..', 'acme/a--b', 'acme/tiny@../../x', 'acme/tiny@', 'acme/tiny.git', 'acme./tiny', ''],
  ])("'%s' can only be a path", (name) => {
    expect(parseHubName(name)).toBeUndefined();
  });
});

describe('resolveModel', () => {
  it('downloads a model directory, says how far it is, and asks nobody the second time', async () => {
    const events: DownloadEvent[] = [];
    const directory = await resolveModel('acme/tiny', { onDownload: (event) => events.push(event) });
    expect(directory).toBe(join(cache, 'acme/tiny'));
    expect(filesIn(directory)).toEqual(whole);
    expect(readFileSync(join(directory, 'onnx/model.onnx')).equals(encoder)).toBe(true);
    expect(openModel(directory).directory).toBe(directory);
    const size = encoder.byteLength;
    expect(events.at(-1)).toEqual({ model: 'acme/tiny', file: 'onnx/model.onnx', loadedBytes: size, totalBytes: size });
    expect(events.filter((e) => e.loadedBytes === e.totalBytes).map((e) => e.file)).toEqual([
      ...['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'],
    ]);
    expect(hub.asked()).toContain('/acme/tiny/resolve/main/preprocessor_config.json');

    expect(await resolveModel('acme/tiny', { onDownload: (event) => events.push(event) })).toBe(directory);
    expect(await resolveModel('acme/tiny@main')).toBe(directory);
    process.env.HF_ENDPOINT = await goneUrl();
    expect(await resolveModel('acme/tiny')).toBe(directory);
    expect(hub.asked()).toEqual([]);
    expect(events.at(-1)!.file).toBe('onnx/model.onnx');
  });

  it('uses a cache that another program filled, without a network too', async () => {
    const directory = join(cache, 'acme/tiny');
    mkdirSync(join(directory, 'onnx'), { recursive: true });
    writeFileSync(join(directory, 'config.json'), config);
    writeFileSync(join(directory, 'onnx/model.onnx'), encoder);
    process.env.HF_ENDPOINT = await goneUrl();
    expect(await resolveModel('acme/tiny')).toBe(directory);
    expect(filesIn(directory)).toEqual(['config.json', 'onnx/model.onnx']);
    process.env.HF_ENDPOINT = hub.url;
    await resolveModel('acme/tiny');
    expect(hub.asked()).not.toContain('/acme/tiny/resolve/main/onnx/model.onnx');
    expect(filesIn(directory)).toEqual(whole);
  });

  it('shows no token to another host', async () => {
    const seen: unknown[] = [];
    process.env.HF_TOKEN = 'secret';
    hub.answer = (_, response) => {
      seen.push(response.req.headers.authorization);
      return false;
    };
    await resolveModel('acme/tiny');
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it('shows the token to the hub itself, and refuses a token that cannot be one', async () => {
    process.env.HF_TOKEN = 'secret';
    expect([hubToken('https://huggingface.co/'), hubToken('https://huggingface.co.example/')]).toEqual([
      'secret',
      undefined,
    ]);
    delete process.env.HF_ENDPOINT;
    expect(await failureOf('acme/tiny')).toMatch(/Your access token must start with 'hf_'\.[\s\S]*Check HF_TOKEN/);
  });

  it('keeps revisions apart', async () => {
    const other = JSON.stringify({ model_type: 'distilbert', revision: 1 });
    for (const [file, content] of [
      ['config.json', other],
      ['model.onnx', encoder],
    ] as const)
      hub.put('acme/tiny', 'refs/pr/1', file, content);
    await resolveModel('acme/tiny');
    const directory = await resolveModel('acme/tiny@refs/pr/1');
    expect(directory).toBe(join(cache, 'acme/tiny/refs/pr/1'));
    expect(filesIn(directory)).toEqual(['.downloaded.json', 'config.json', 'model.onnx']);
    expect(readFileSync(join(directory, 'config.json'), 'utf8')).toBe(other);
    expect(openModel(directory).directory).toBe(directory);
    expect(await failureOf('acme/tiny@v9')).toMatch(
      /it has no config\.json \(404\)\.\nLooked for .*\/resolve\/v9\/\.\nCheck the name and the revision/,
    );
  });

  it('prefers a path that exists, and leaves other paths as they are', async () => {
    const before = process.cwd();
    mkdirSync(join(cache, 'acme/tiny'), { recursive: true });
    process.chdir(cache);
    try {
      expect(await resolveModel('acme/tiny')).toBe('acme/tiny');
    } finally {
      process.chdir(before);
    }
    expect(await resolveModel('no/such/path')).toBe('no/such/path');
    expect(() => openModel('tiny')).toThrow('or a model of the hub by its name, owner/name');
    expect(hub.asked()).toEqual([]);
  });

  it('fetches the external data that the file names, and none outside of its directory', async () => {
    const w = floats([1, 2, 3, 4, 5, 6], [2, 3]);
    const model = (location: string) =>
      readFileSync(
        writeModel(join(root, 'large.onnx'), linear(external('w', w, location, {}), external('b', w, location, {}))),
      );
    hub.put('acme/large', 'main', 'config.json', config);
    hub.put('acme/large', 'main', 'onnx/model.onnx', model('model.onnx_data'));
    expect(await failureOf('acme/large')).toContain('it has no onnx/model.onnx_data (404)');
    expect(filesIn(join(cache, 'acme/large'))).toEqual(['config.json', 'onnx/model.onnx']);
    hub.put('acme/large', 'main', 'onnx/model.onnx_data', w.bytes());
    hub.asked();
    const directory = await resolveModel('acme/large');
    expect(filesIn(directory)).toContain('onnx/model.onnx_data');
    expect(new Set(hub.asked().filter((path) => path.includes('/onnx/')))).toEqual(
      new Set(['/acme/large/resolve/main/onnx/model.onnx_data']),
    );

    hub.put('acme/evil', 'main', 'config.json', config);
    hub.put('acme/evil', 'main', 'onnx/model.onnx', model('../../tiny/config.json'));
    expect(await failureOf('acme/evil')).toMatch(
      /names external data '\.\.\/\.\.\/tiny\/config\.json', which is outside/,
    );
    expect(existsSync(join(cache, 'acme/tiny'))).toBe(false);
  });
});

describe('a model that cannot be had', () => {
  it('without a network: which files, where, and what to do', async () => {
    process.env.HF_ENDPOINT = await goneUrl();
    mkdirSync(join(cache, 'acme/tiny'), { recursive: true });
    writeFileSync(join(cache, 'acme/tiny/config.json'), config);
    const host = process.env.HF_ENDPOINT.replace('http://', '');
    expect(await failureOf('acme/tiny')).toBe(
      "'acme/tiny' is no path on this machine, and the hub model of that name cannot be had: " +
        `${host} could not be reached, or the connection broke (ECONNREFUSED).\n` +
        `Looked for config.json, tokenizer.json, onnx/model.onnx, model.onnx in the cache ${cache}/acme/tiny (there: config.json) ` +
        `and at http://${host}/acme/tiny/resolve/main/.\n` +
        'Try again with a connection; HF_ENDPOINT names another host, ORTUNE_CACHE a directory of models downloaded before. ' +
        'A model directory or .onnx file on this machine is named by its path, which wins over the hub.',
    );
  });

  it('a name that is none, a model without an export, a private one, a server in trouble', async () => {
    expect(await failureOf('acme/nothing')).toMatch(/it has no config\.json \(404\)[\s\S]*\(there: none of them\)/);
    hub.put('acme/torch', 'main', 'config.json', config);
    expect(await failureOf('acme/torch')).toMatch(
      /it has no onnx\/model\.onnx and no model\.onnx \(404\)[\s\S]*Choose a model with an ONNX export in float32/,
    );
    const status = (code: number) => {
      hub.answer = (_, response) => !!response.writeHead(code).end();
      return failureOf('acme/tiny');
    };
    expect(await status(401)).toMatch(/config\.json is refused \(401\), so there is no such model, or it is private/);
    expect(await status(503)).toMatch(
      /Api error with status 503\. URL: .*\/acme\/tiny\/resolve\/main\/config\.json[\s\S]*Try again later/,
    );
    expect(filesIn(join(cache, 'acme/tiny'))).toEqual([]);
  });

  it('an answer that is not the file is not kept', async () => {
    const page = '<html>\n<body>Please log in';
    hub.answer = (_, response) => !!response.end(page);
    expect(await failureOf('acme/tiny')).toMatch(
      /config\.json was answered without its size or its ETag \(.*\), which the hub sends\.[\s\S]*Check that no proxy/,
    );
    const asPage = (name: string) => (file: string, response: ServerResponse) => {
      if (file !== name) return false;
      const status = response.req.headers.range ? 206 : 200;
      return !!response.writeHead(status, { etag: '"1"', 'content-range': `bytes 0-0/${page.length}` }).end(page);
    };
    hub.answer = asPage('tokenizer.json');
    expect(await failureOf('acme/tiny')).toMatch(
      /tokenizer\.json is no JSON: it begins with '<html> <body>Please log in'/,
    );
    hub.answer = asPage('onnx/model.onnx');
    expect(await failureOf('acme/tiny')).toMatch(/onnx\/model\.onnx is no ONNX model: it begins with '<html>/);
    hub.answer = leave;
    expect(filesIn(await resolveModel('acme/tiny'))).toEqual(whole);
  });

  it('an answer that ends early is not kept', async () => {
    hub.answer = (file, response) => file.endsWith('.onnx') && !response.req.headers.range && !!response.end('short');
    expect(await failureOf('acme/tiny')).toMatch(
      /onnx\/model\.onnx ended after 5 of \d+ bytes\.[\s\S]*Try again later/,
    );
    expect(filesIn(cache)).not.toContain('acme/tiny/onnx/model.onnx');
  });

  it('a connection that breaks leaves what is whole, and the next try goes on from there', async () => {
    hub.answer = (file, response) => {
      if (!file.endsWith('.onnx') || response.req.headers.range) return false;
      response.writeHead(200, { 'content-length': encoder.byteLength });
      response.write(encoder.subarray(0, 20_000), () => response.destroy());
      return true;
    };
    expect(await failureOf('acme/tiny')).toMatch(/the connection broke \(UND_ERR_SOCKET\)/);
    const small = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];
    expect(filesIn(cache)).toEqual(small.map((file) => `acme/tiny/${file}`));
    hub.answer = leave;
    hub.asked();
    expect(filesIn(await resolveModel('acme/tiny'))).toEqual(whole);
    for (const file of small) expect(hub.asked()).not.toContain(`/acme/tiny/resolve/main/${file}`);
  });

  it('an abort ends the download under way, with the reason of the signal and nothing torn left', async () => {
    const stop = new AbortController();
    hub.answer = (file, response) => {
      if (!file.endsWith('.onnx') || response.req.headers.range) return false;
      response.writeHead(200, { 'content-length': encoder.byteLength });
      response.write(encoder.subarray(0, 20_000));
      return true;
    };
    const onDownload = ({ file }: DownloadEvent) => {
      if (file.endsWith('.onnx')) stop.abort(new Error('enough'));
    };
    await expect(resolveModel('acme/tiny', { signal: stop.signal, onDownload })).rejects.toThrow('enough');
    expect(filesIn(cache)).toEqual(
      ['config.json', 'tokenizer.json', 'tokenizer_config.json'].map((file) => `acme/tiny/${file}`),
    );
    hub.asked();
    await expect(resolveModel('acme/tiny', { signal: stop.signal })).rejects.toThrow('enough');
    expect(hub.asked()).toEqual([]);
  });

  it('what a download left that was killed long ago is removed by the next, no other', async () => {
    const [old, young] = [join(cache, '.partial-old'), join(cache, '.partial-young')];
    for (const path of [old, young]) mkdirSync(path, { recursive: true });
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 3600;
    utimesSync(old, twoDaysAgo, twoDaysAgo);
    await resolveModel('acme/tiny');
    expect(readdirSync(cache).sort()).toEqual(['.partial-young', 'acme']);
  });

  it('what a download left that was killed a moment ago is removed by the next, since nobody has its lock', async () => {
    const [killed, alive] = [join(cache, '.partial-killed'), join(cache, '.partial-alive')];
    mkdirSync(killed, { recursive: true });
    writeFileSync(join(killed, '.lock'), '{}');
    const lock = await Lock.take(join(alive, '.lock'), 'x');
    await resolveModel('acme/tiny');
    expect(readdirSync(cache).sort()).toEqual(['.partial-alive', 'acme']);
    lock.release();
  });

  it.each([
    ['names no file', '{"files":[]}'],
    ['names no model', '{"files":[{"file":"config.json","bytes":28}]}'],
    ['is of an earlier version', '{"files":["config.json","onnx/model.onnx"]}'],
    ['says other sizes', '{"files":[{"file":"config.json","bytes":1},{"file":"onnx/model.onnx","bytes":1}]}'],
    ['is none', '{"files":'],
  ])('a record that %s does not stand for a model', async (_, record) => {
    const directory = join(cache, 'acme/tiny');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, '.downloaded.json'), record);
    await resolveModel('acme/tiny');
    expect(filesIn(directory)).toEqual(whole);
    hub.asked();
    await resolveModel('acme/tiny');
    expect(hub.asked()).toEqual([]);
  });

  it('what a listener throws is what the caller gets', async () => {
    const onDownload = () => {
      throw new RangeError('of the listener');
    };
    await expect(resolveModel('acme/tiny', { onDownload })).rejects.toThrow('of the listener');
  });

  it('a cache that cannot be written', async () => {
    writeFileSync(cache, 'a file');
    expect(await failureOf('acme/tiny')).toMatch(
      /the cache cannot be written \(E[\s\S]*set ORTUNE_CACHE to a directory/,
    );
  });

  it('a wrong HF_ENDPOINT', async () => {
    process.env.HF_ENDPOINT = 'huggingface.co';
    await expect(resolveModel('acme/tiny')).rejects.toThrow(UsageError);
    await expect(resolveModel('acme/tiny')).rejects.toThrow(
      "HF_ENDPOINT must be a URL that begins with http:// or https://, found 'huggingface.co'",
    );
  });
});

describe('the bounds of a download', () => {
  const limited = (limits: { bytes?: string; seconds?: string }) => {
    process.env.ORTUNE_DOWNLOAD_MAX_BYTES = limits.bytes ?? '';
    process.env.ORTUNE_DOWNLOAD_TIMEOUT = limits.seconds ?? '';
  };
  afterEach(() => limited({}));
  const sized = (response: ServerResponse, bytes: number): boolean =>
    !!response.writeHead(206, { etag: '"1"', 'content-range': `bytes 0-0/${bytes}` }).end('{');

  it('a file that is said to be larger than allowed is not begun', async () => {
    limited({ bytes: '10000' });
    expect(await failureOf('acme/tiny')).toMatch(
      /onnx\/model\.onnx has more bytes than the 10 kB that are allowed.*\n.*\nORTUNE_DOWNLOAD_MAX_BYTES/s,
    );
    limited({});
    hub.answer = (_, response) => sized(response, 10 ** 12);
    expect(await failureOf('acme/tiny')).toMatch(
      /map\.json has more bytes than the 268 MB .*\nNo file of that name needs so many/s,
    );
  });

  it('small files that unpack to large ones end at the size that was named', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    hub.answer = (_, response) => {
      if (response.req.headers.range) return sized(response, 1000);
      return !!response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bomb.length }).end(bomb);
    };
    expect(await failureOf('acme/tiny')).toMatch(/config\.json has more than the 1000 bytes it was said to have/);
    expect(filesIn(cache)).toEqual([]);
  });

  it('an error whose words do not end is not read to the end', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, 32));
    hub.answer = (_, response) =>
      !!response.writeHead(500, { 'content-encoding': 'gzip', 'content-type': 'application/json' }).end(bomb);
    expect(await failureOf('acme/tiny')).toMatch(/config\.json was refused \(500\) with an answer that does not end/);
  });

  it.each([
    ['never answers', () => true],
    [
      'answers and sends nothing',
      (_: string, response: ServerResponse) => {
        if (response.req.headers.range) return false;
        response.writeHead(200).flushHeaders();
        return true;
      },
    ],
    [
      'lets bytes drip',
      (_: string, response: ServerResponse) => {
        if (response.req.headers.range) return sized(response, 1000);
        const drip = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(drip));
        return true;
      },
    ],
  ])('a server that %s is left', async (_, answer) => {
    limited({ seconds: '0.3' });
    hub.answer = answer;
    expect(await failureOf('acme/tiny')).toMatch(
      /could not be reached, or the connection broke \((no answer|nothing|only \d+ bytes) came in 0\.\d+ s\)/,
    );
    expect(filesIn(cache)).toEqual([]);
  });

  it('are numbers above 0', async () => {
    limited({ bytes: '20 GB' });
    await expect(resolveModel('acme/tiny')).rejects.toThrow(
      "ORTUNE_DOWNLOAD_MAX_BYTES must be a number above 0, found '20 GB'",
    );
  });
});
