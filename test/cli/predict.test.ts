// What the arguments of predict and eval stand for: texts, files of texts, pictures, runs and checkpoints.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { evaluate, loadModel } from '#ortune/index.js';
import { TorchScriptWriter } from '#ortune/models/torchscript.js';
import { ortune } from '../support/command.js';
import { temporaryDirectory } from '../support/temporary.js';
import { named, tinyClassifier } from '../support/tiny-classifier.js';

const root = temporaryDirectory('predict-inputs');
const path = (name: string): string => join(root, name);
const put = (name: string, text: string | Buffer): string => {
  writeFileSync(path(name), text);
  return path(name);
};

const model = tinyClassifier(path('run/model'), { config: named('ham', 'spam') });
const table = put('texts.csv', 'text,label\nfree cash,spam\nlunch,ham\n');
const lines = put('texts.txt', 'free cash\n\nlunch\n');
const picture = put(
  'cat.png',
  await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .png()
    .toBuffer(),
);

/** The texts that a run of the command labels. */
async function labelled(...args: string[]): Promise<{ texts: string[]; stderr: string }> {
  const { json, stderr } = await ortune(['predict', ...args, '--json']);
  return { texts: json.predictions?.map(({ text }: { text: string }) => text), stderr };
}

describe('a model of texts', () => {
  it('labels the rows of a file that a URL names', async () => {
    const server = createServer((_, response) => response.end(readFileSync(table)));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/texts.csv`;
    try {
      const { json, stderr } = await ortune(['predict', model, '--data', url, '--json']);
      expect(json.predictions).toHaveLength(2);
      expect(stderr).toContain(`'${url}' was fetched for this run`);
    } finally {
      server.close();
    }
  });

  it.each<[string, string[], string[]]>([
    ['a table', [model, table], ['free cash', 'lunch']],
    ['a file with a text in each line', [model, lines], ['free cash', 'lunch']],
    ['files of both kinds', [model, table, lines], ['free cash', 'lunch', 'free cash', 'lunch']],
    [
      'texts that begin with a dash, and empty ones, by the directory of the run',
      [path('run'), '--', '-5 degrees', '', '--json'],
      ['-5 degrees', '', '--json'],
    ],
  ])('labels %s', async (_, args, texts) => {
    const separate = args.includes('--');
    const found = separate ? await ortune(['predict', args[0]!, '--json', ...args.slice(1)]) : undefined;
    const { texts: all, stderr } = found
      ? { texts: found.json.predictions.map(({ text }: { text: string }) => text), stderr: found.stderr }
      : await labelled(...args);
    expect(all).toEqual(texts);
    if (args.includes(lines)) expect(stderr).toMatch(/1 empty line of .*texts\.txt left out/);
    else expect(stderr).toBe('');
  });

  it('labels lines of standard input, and counts empty ones', async () => {
    const { stdout, stderr } = await ortune(['predict', path('run')], { input: 'free cash\n\n\nlunch' });
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[2]),
    ).toEqual(['free cash', 'lunch']);
    expect(stderr).toBe('note: 2 empty lines of standard input left out\n');
  });

  mkdirSync(path('folder'));
  mkdirSync(path('run/checkpoints/step-2'), { recursive: true });
  put('run/checkpoints/step-2/model.safetensors', '');
  put('run/checkpoints/step-2/state.json', '{}');
  it.each<[string, string[], number, RegExp]>([
    [
      'files beside texts',
      [model, table, 'free cash'],
      2,
      /texts\.csv' is a file, and 'free cash' a text: give either/,
    ],
    ['a file that is not there', [model, path('none.csv')], 1, /none\.csv cannot be read/],
    ['a picture', [model, picture], 2, /reads texts, and was given pictures: .*cat\.png/],
    ['a folder', [model, path('folder')], 2, /reads texts, and was given a folder/],
    [
      'a table of pictures',
      [model, put('pictures.csv', 'image\ncat.png\n')],
      1,
      /no column 'text'; found 'image'.* reads texts/,
    ],
    [
      'a checkpoint',
      [path('run/checkpoints/step-2'), 'x'],
      1,
      /step-2 is a checkpoint.*no model\. .* in the folder model\//,
    ],
    [
      'a text with a dash, without --',
      [model, '-5 degrees'],
      2,
      /unknown option '-5 degrees'\n\(A text that begins with a dash goes behind --/,
    ],
  ])('refuses %s by name', async (_, args, code, message) => {
    const ended = await ortune(['predict', ...args]);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(message);
  });

  it('that the stock session cannot compute is a failure of the model, in one line', async () => {
    const broken = tinyClassifier(path('broken'), { config: named('ham', 'spam'), madeFor: 1 });
    const ended = await ortune(['predict', broken, 'free cash', 'see you']);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^ortune: \S+: onnxruntime cannot run the model: Reshape '\/reshape\/Reshape': /);
    expect(ended.stderr).not.toMatch(/fault of ortune/);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('a model of pictures', () => {
  const w = new TorchScriptWriter(17);
  const pixels = w.input('pixel_values', 'float32', ['batch', 3, 8, 8]);
  const flat = w.op('/pool', 'ReduceMean', [pixels], { axes: [2, 3], keepdims: 0 });
  w.op('/head', 'MatMul', [flat, w.weight('head', [3, 1], Float32Array.of(1, -1, -1))], {}, 'logits');
  w.output('logits', 'float32', ['batch', 1]);
  mkdirSync(path('pictures'));
  writeFileSync(path('pictures/model.onnx'), w.finish());
  put('pictures/config.json', JSON.stringify(named('other', 'red')));
  const blue = sharp({ create: { width: 8, height: 8, channels: 3, background: 'blue' } });

  it.each<[string, string]>([
    ['image', 'rows.csv'],
    ['file_name', 'rows.jsonl'],
    ['path', 'rows.tsv'],
  ])('takes a table with column %s, in eval and in predict: %s', async (column, name) => {
    put('blue.png', await blue.png().toBuffer());
    const rows = [
      ['cat.png', 'red'],
      ['blue.png', 'other'],
    ];
    const text = name.endsWith('.jsonl')
      ? rows.map(([image, label]) => JSON.stringify({ [column]: image, label })).join('\n')
      : [[column, 'label'], ...rows].map((row) => row.join(name.endsWith('.tsv') ? '\t' : ',')).join('\n');
    const data = put(name, `${text}\n`);
    const measured = await evaluate({ model: path('pictures'), data });
    expect(measured).toMatchObject({ task: 'image-classification', metrics: { samples: 2, accuracy: 1 } });
    const notes: string[] = [];
    const loaded = await loadModel(path('pictures'));
    const found = await loaded.predict({ files: [data] }, { onNote: (note) => notes.push(note) });
    await loaded.close();
    // One output: the odds of the second label.
    expect(found.map(({ label }) => label)).toEqual(['red', 'other']);
    expect(notes.filter((note) => note.includes(`column '${column}'`))).toHaveLength(column === 'image' ? 0 : 1);
  });

  it('refuses texts by name, and says which format a picture has that is not read', async () => {
    const texts = await ortune(['predict', path('pictures'), 'a text']);
    expect(texts).toMatchObject({ code: 2, stdout: '' });
    expect(texts.stderr).toMatch(/reads pictures: give their files.*there is no file 'a text'/);
    const data = put('mails.csv', 'text,label\na,red\n');
    await expect(evaluate({ model: path('pictures'), data })).rejects.toThrow(/no column 'image'.*reads pictures/);
    const foreign = [put('a.bmp', 'BM\0\0'), put('b.heic', '\0\0\0\x18ftypheic'), put('c.png', '<!DOCTYPE html>')];
    const ended = await ortune(['predict', path('pictures'), ...foreign, picture]);
    expect(ended.stdout).toMatch(/^red\t[\d.]+\t\S*cat\.png\n$/);
    for (const [i, what] of ['BMP', 'HEIC', 'SVG, XML or HTML'].entries())
      expect(ended.stderr).toMatch(
        new RegExp(`left out: \\S*${foreign[i]}: it is ${what}, by its first bytes; expected JPEG, PNG`),
      );
  });
});
