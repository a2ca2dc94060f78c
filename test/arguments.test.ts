// The library's functions called with what they do not take: every call is refused by an OrtuneError that names the
// argument, and nothing waits or is left running.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as ortune from '#ortune/index.js';
import { OrtuneError, UsageError } from '#ortune/index.js';
import { temporaryDirectory } from './support/temporary.js';

const root = temporaryDirectory('arguments');
const path = (name: string): string => join(root, name);
const texts = ['free cash offer', 'meeting at lunch', 'patch', 'cash for lunch'];
const model = path('encoder');
const data = path('data.jsonl');

beforeAll(() => {
  const tokenizer = ortune.buildWordPiece(texts, { vocabulary: 60, minFrequency: 1 });
  ortune.writeEncoder(model, { layers: 1, hidden: 32, labels: ['ham', 'spam'], positions: 32, tokenizer });
  writeFileSync(data, texts.map((text, i) => JSON.stringify({ text, label: i % 2 ? 'ham' : 'spam' })).join('\n'));
});

/** Every function without its types. */
// biome-ignore lint/suspicious/noExplicitAny: what is tested are calls that types forbid
const o = ortune as any;

/** Values that are no object, no list and no text. */
const nothings: unknown[] = [undefined, null, Number.NaN, 3, 3n, true, Symbol('s'), () => {}];
const noObjects: unknown[] = [
  ...nothings,
  'a text',
  '',
  [],
  new Date(0),
  new Map(),
  Promise.resolve({}),
  new Uint8Array(2),
];
const noTexts: unknown[] = [...nothings, [], {}, new Date(0), Promise.resolve('x')];
const noFunctions: unknown[] = [null, 3, 'a text', {}, []];
const noSignals: unknown[] = [null, 3, 'a text', {}, [], () => {}, new EventTarget(), { aborted: false }];

const usual = { train: data, output: path('run'), maxSteps: 1, batchSize: 4, threads: 1 };
const run = (options: object): Promise<unknown> => new o.Trainer({ model, ...usual, ...options }).run();
const resolving = (call: string, make: (hooks: unknown) => unknown): Row[] => [
  [call, 'the last argument', make, noObjects.filter((value) => value !== undefined)],
  [call, "'signl'; did you mean 'signal'", () => make({ signl: undefined }), [0]],
  [call, 'signal must be an AbortSignal', (signal) => make({ signal }), noSignals],
];

/** A call, what its error must name, the call with a value, the values. */
type Row = [call: string, names: string, make: (value: unknown) => unknown, values: unknown[]];

const rows: Row[] = [
  ['new Trainer', 'options', (value) => new o.Trainer(value), noObjects],
  ...['model', 'output'].map(
    (key): Row => ['new Trainer', `'${key}'`, (value) => new o.Trainer({ model, ...usual, [key]: value }), noTexts],
  ),
  [
    'new Trainer',
    "'train",
    (value) => new o.Trainer({ model, ...usual, train: value }),
    [null, 3, '', [], {}, [3], true],
  ],
  [
    'new Trainer',
    "'threads'",
    (value) => new o.Trainer({ model, ...usual, threads: value }),
    [0, 1.5, '2', null, Number.NaN],
  ],
  [
    'new Trainer',
    'learningRate',
    (key) => new o.Trainer({ model, ...usual, [key as string]: 1 }),
    ['learningrate', 'lr'],
  ],
  ['Trainer.on', "'stepp'; did you mean 'step'", () => new o.Trainer({ model, ...usual }).on('stepp', () => {}), [0]],
  ['Trainer.on', 'event', (value) => new o.Trainer({ model, ...usual }).on(value, () => {}), noTexts],
  [
    'Trainer.on',
    'listener',
    (value) => new o.Trainer({ model, ...usual }).on('step', value),
    [undefined, ...noFunctions],
  ],
  [
    'Trainer.off',
    'listener',
    (value) => new o.Trainer({ model, ...usual }).off('step', value),
    [undefined, ...noFunctions],
  ],
  ...resolving('Trainer.run', (hooks) => new o.Trainer({ model, ...usual }).run(hooks)),

  ['loadModel', 'model', (value) => o.loadModel(value), [...noTexts, '']],
  ['loadModel', 'options', (value) => o.loadModel(model, value), noObjects.filter((value) => value !== undefined)],
  ['loadModel', "'model' is the first argument", () => o.loadModel(model, { model }), [0]],
  ['loadModel', 'batchSiz', () => o.loadModel(model, { batchSiz: 3 }), [0]],
  ['loadModel', 'onDownload', (onDownload) => o.loadModel(model, {}, { onDownload }), noFunctions],
  ...resolving('loadModel', (hooks) => o.loadModel(model, {}, hooks)),

  ['predict', 'options', (value) => o.predict(value, texts), noObjects],
  ['predict', 'model', (value) => o.predict({ model: value }, texts), [...noTexts, '']],
  [
    'predict',
    'the input',
    (value) => o.predict({ model }, value),
    [...nothings, 'a', '', new Set(['a']), Promise.resolve(texts)],
  ],
  ...resolving('predict', (hooks) => o.predict({ model }, texts, hooks)),

  ['evaluate', 'options', (value) => o.evaluate(value), noObjects],
  ['evaluate', "'data'", (value) => o.evaluate({ model, data: value }), [undefined, null, 3, '', [], {}]],
  ...resolving('evaluate', (hooks) => o.evaluate({ model, data }, hooks)),

  ['inspectModel', 'path', (value) => o.inspectModel(value), [...noTexts, '']],
  ...resolving('inspectModel', (hooks) => o.inspectModel(model, hooks)),
  ['gradcheckModel', 'path', (value) => o.gradcheckModel(value), [...noTexts, '']],
  [
    'gradcheckModel',
    'options',
    (value) => o.gradcheckModel(model, value),
    noObjects.filter((value) => value !== undefined),
  ],
  ...resolving('gradcheckModel', (hooks) => o.gradcheckModel(model, {}, hooks)),
  ['pack', 'options', (value) => o.pack(value), noObjects],
  ['pack', 'onProgress', (onProgress) => o.pack({ data, model, output: path('p') }, { onProgress }), noFunctions],
  ...resolving('pack', (hooks) => o.pack({ data, model, output: path('p') }, hooks)),
  ['preview', 'options', (value) => o.preview(value), noObjects],
  ...resolving('preview', (hooks) => o.preview({ model, train: data, output: path('x.png') }, hooks)),
  ['compare', 'options', (value) => o.compare(value), noObjects],
  ['compare', 'onRun', (onRun) => o.compare({}, { onRun }), noFunctions],
  ...resolving('compare', (hooks) => o.compare({}, hooks)),

  ['search', 'options', (value) => o.search(value), noObjects],
  ['search', 'onRun', (onRun) => o.search({}, { onRun }), noFunctions],
  ...resolving('search', (hooks) => o.search({}, hooks)),
  ['findLearningRate', 'options', (value) => o.findLearningRate(value), noObjects],
  ['findLearningRate', 'onStep', (onStep) => o.findLearningRate({}, { onStep }), noFunctions],
  ...resolving('findLearningRate', (hooks) => o.findLearningRate({}, hooks)),

  ['writeEncoder', 'directory', (value) => o.writeEncoder(value), [...noTexts, '']],
  [
    'writeEncoder',
    'options',
    (value) => o.writeEncoder(path('e'), value),
    noObjects.filter((value) => value !== undefined),
  ],
  ['writeEncoder', 'labels', (labels) => o.writeEncoder(path('e'), { labels }), [null, 3, 'ab', [''], [3], Array(2)]],
  [
    'writeEncoder',
    'tokenizer',
    (tokenizer) => o.writeEncoder(path('e'), { tokenizer }),
    [null, 3, 'a', {}, { tokenizer: {} }],
  ],
  ['writeEncoder', 'layer', () => o.writeEncoder(path('e'), { layer: 1 }), [0]],
  ['buildEncoder', 'options', (value) => o.buildEncoder(value), noObjects.filter((value) => value !== undefined)],
  [
    'buildEncoder',
    "'layers'",
    (layers) => o.buildEncoder({ layers }),
    [null, '2', 0, 1.5, Number.NaN, Symbol('s'), {}],
  ],
  ['buildLanguageModel', 'options', (value) => o.buildLanguageModel(value), noObjects],
  [
    'buildLanguageModel',
    "'architecture'",
    (architecture) => o.buildLanguageModel({ architecture }),
    [undefined, null, 3, 'bert', 'toString'],
  ],
  [
    'buildLanguageModel',
    "'hidden'",
    (hidden) => o.buildLanguageModel({ architecture: 'gpt2', hidden }),
    [null, '2', 0, 1.5, Number.NaN, Symbol('s'), {}],
  ],
  [
    'writeLanguageModel',
    'directory',
    (value) => o.writeLanguageModel(value, { architecture: 'gpt2' }),
    [...noTexts, ''],
  ],
  ['writeLanguageModel', 'options', (value) => o.writeLanguageModel(path('l'), value), noObjects],
  [
    'writeLanguageModel',
    'tokenizer',
    (tokenizer) => o.writeLanguageModel(path('l'), { architecture: 'gpt2', tokenizer }),
    [null, 3, 'a', {}, { tokenizer: {} }],
  ],
  ['buildImageModel', 'options', (value) => o.buildImageModel(value), noObjects],
  [
    'buildImageModel',
    "'model'",
    (value) => o.buildImageModel({ model: value }),
    [undefined, null, 3, 'resnet', 'toString'],
  ],
  ['writeImageModel', 'directory', (value) => o.writeImageModel(value, { model: 'resnet18' }), [...noTexts, '']],
  ['writeImageModel', 'options', (value) => o.writeImageModel(path('i'), value), noObjects],
  ['buildBytePairs', 'texts', (value) => o.buildBytePairs(value), [...nothings, 'a text', {}, Promise.resolve(texts)]],
  ['buildBytePairs', 'text 1', (value) => o.buildBytePairs(['a', value]), [null, undefined, 3, {}, ['b']]],
  [
    'buildBytePairs',
    'options',
    (value) => o.buildBytePairs(texts, value),
    noObjects.filter((value) => value !== undefined),
  ],
  ['buildWordPiece', 'texts', (value) => o.buildWordPiece(value), [...nothings, 'a text', {}, Promise.resolve(texts)]],
  ['buildWordPiece', 'text 1', (value) => o.buildWordPiece(['a', value]), [null, undefined, 3, {}, ['b']]],
  [
    'buildWordPiece',
    'options',
    (value) => o.buildWordPiece(texts, value),
    noObjects.filter((value) => value !== undefined),
  ],

  [
    'train in memory',
    'train:row 1',
    (row) => run({ train: [{ text: 'a', label: 'ham' }, row] }),
    [null, 3, 'a', ['a'], { text: null, label: 'ham' }],
  ],
  [
    'train in memory',
    'train',
    (rows) => run({ train: rows }),
    [
      (function* () {})(),
      { [Symbol.iterator]: 3 },
      { [Symbol.iterator]: () => 3 },
      { [Symbol.asyncIterator]: () => ({}) },
      new Map([['a', 1]]),
    ],
  ],
  [
    'train of a function',
    'train, epoch 0',
    (rows) => run({ train: () => rows }),
    [undefined, 3, 'abc', {}, Promise.resolve(3), Promise.resolve(undefined)],
  ],
  [
    'pictures',
    'images',
    (images) => run({ train: { images } }),
    [null, 3, 'a.png', [], [null], ['a.png', 3], [new Uint16Array(2)]],
  ],
  [
    'pictures',
    'labels',
    (labels) => run({ train: { images: ['a.png'], labels } }),
    [null, 3, 'ab', [null], ['a', 'b']],
  ],
  [
    'pictures',
    'weights',
    (weights) => run({ train: { images: ['a.png'], labels: ['a'], weights } }),
    [null, 3, ['x'], [Number.NaN], [1, 2]],
  ],
  ['pictures', "'lables'; did you mean 'labels'", () => run({ train: { images: ['a.png'], lables: ['a'] } }), [0]],
  [
    'pictures',
    'pixels',
    (pixels) => run({ train: { pixels, shape: [1, 3, 2, 2] } }),
    [null, 3, [1], new Float64Array(12), new Uint8Array(5)],
  ],
  [
    'pictures',
    'shape',
    (shape) => run({ train: { pixels: new Uint8Array(12), shape } }),
    [null, 3, 'x', [], [12], [1, 3, Number.NaN, 2], [1, 3, -2, -2]],
  ],
  ['tensors', 'tensors', (tensors) => run({ train: { tensors } }), [null, 3, [], {}]],
  [
    'tensors',
    "'x'",
    (x) => run({ train: { tensors: { x } } }),
    [
      null,
      3,
      {},
      { data: [1], shape: [1] },
      { data: new Float32Array(1), shape: [Number.NaN] },
      { data: new Float32Array(1), shape: 1 },
      { data: new Float32Array(1), shape: [2 ** 53] },
    ],
  ],
];

/** How a call fails; an Error where it does not. */
async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return new Error('it did not fail');
  } catch (error) {
    return error;
  }
}

it.each(rows)('%s refuses what is wrong of it, naming %s', async (_, names, make, values) => {
  for (const value of values) {
    const failure = (await failureOf(() => make(value))) as Error;
    const seen = `${String(value)}: ${failure?.name}: ${failure?.message}`;
    expect(failure, seen).toBeInstanceOf(OrtuneError);
    expect(failure.message, seen).toContain(names);
    expect(failure.message, seen).not.toContain('fault of ortune');
  }
});

describe('a model that is open', () => {
  let loaded: ortune.LoadedModel;
  beforeAll(async () => {
    loaded = await ortune.loadModel(model);
  });
  afterAll(() => loaded.close());

  it.each<[string, unknown]>([
    ['row 0', [null]],
    ['row 1', ['a', undefined]],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
    ['row 1', ['a', , 'b']],
    ['row 0 must be a text or { text, pair }, found a list; write pairs as', [['a', 'b']]],
    ['row 0: pair must be a text, found null; leave it out', [{ text: 'a', pair: null }]],
    ['row 2: text must be a text, found the number 3', ['a', 'b', { text: 3 }]],
    ['row 0: text', [{}]],
    ["row 0 has no 'par'; did you mean 'pair'", [{ text: 'a', par: 'b' }]],
    ['row 0', [Buffer.from('a')]],
    ['row 0', [new String('a')]],
    ["found an object with 'texts'", { texts }],
    ['files must be a list of texts', { files: 'a.jsonl' }],
    ['files[1]', { files: ['a.jsonl', null] }],
    ['files', { files: null }],
    ['was given pictures', { images: ['a.png'] }],
    ['was given tensors', { tensors: {} }],
  ])('names %s of wrong input', async (names, input) => {
    const failure = (await failureOf(() => loaded.predict(input as never))) as Error;
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toContain(names);
  });

  it('takes lists, objects and arrays of another realm, and pairs without a second text', async () => {
    const foreign = runInNewContext("['free cash', { text: 'patch' }, { text: 'a', pair: undefined }]");
    const own = await loaded.predict(['free cash', 'patch', 'a']);
    expect(await loaded.predict(foreign)).toEqual(own);
  });

  it('throws the reason of a signal that was aborted before', async () => {
    const reason = new Error('not any more');
    const signal = AbortSignal.abort(reason);
    expect(await failureOf(() => loaded.predict(['a'], { signal }))).toBe(reason);
    expect(await failureOf(() => ortune.loadModel(model, {}, { signal }))).toBe(reason);
    expect(await failureOf(() => new ortune.Trainer({ model, ...usual }).run({ signal }))).toBe(reason);
  });
});

it('a model is closed once, twice or during a call, which then says so, as do those after', async () => {
  const loaded = await ortune.loadModel(model);
  const calls = [1, 2, 3].map(() => failureOf(() => loaded.predict(Array(300).fill('free cash'))));
  await Promise.all([loaded.close(), loaded.close()]);
  await loaded.close();
  for (const failure of [...(await Promise.all(calls)), await failureOf(() => loaded.predict(['a']))]) {
    expect(failure).toBeInstanceOf(UsageError);
    expect((failure as Error).message).toMatch(/encoder is closed and predicts nothing more/);
  }
});

it('a Trainer runs once: the second run is refused, during the first and after it', async () => {
  const trainer = new ortune.Trainer({ model, ...usual, output: path('once') });
  const first = trainer.run();
  for (const second of [await failureOf(() => trainer.run()), await first.then(() => failureOf(() => trainer.run()))]) {
    expect(second).toBeInstanceOf(UsageError);
    expect((second as Error).message).toMatch(/^run was called twice on one Trainer; make another one/);
  }
});

it('tensors of another realm train as our own', async () => {
  const pixels = (of: string) => runInNewContext(of) as Uint8Array;
  const given = (array: Uint8Array) => ({ train: { pixels: array, shape: [2, 3, 2, 2], labels: [0, 1] } });
  const own = (await failureOf(() => run(given(new Uint8Array(24))))) as Error;
  for (const foreign of ['new Uint8Array(24)', 'new Uint8Array(new SharedArrayBuffer(24))'])
    expect(((await failureOf(() => run(given(pixels(foreign))))) as Error).message).toBe(own.message);
  expect(own.message).not.toMatch(/pixels must be/);
});

it('a process whose calls were refused ends by itself', () => {
  const code = `
    const { evaluate, loadModel, predict, Trainer } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)});
    const told = [];
    const refused = (work) => work.then(() => told.push('done'), (error) => told.push(error.name));
    const loaded = await loadModel(${JSON.stringify(model)});
    await refused(loaded.predict(null));
    await refused(loaded.predict([null]));
    await refused(loaded.predict(['a']));
    await refused(predict({ model: ${JSON.stringify(model)} }, [['a', 'b']]));
    await refused(evaluate({ model: ${JSON.stringify(model)}, data: [3] }));
    await refused(new Trainer({ ...${JSON.stringify({ model, ...usual, output: path('refused') })}, train: async () => { throw new Error('no rows') } }).run());
    console.log(told.join());
  `;
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 60_000 });
  expect(ended.stdout.trim()).toBe('UsageError,UsageError,done,UsageError,UsageError,DataError');
  expect(ended.status).toBe(0);
});
