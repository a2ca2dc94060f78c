// Packed texts: the same batches as from the texts, whatever happens while they are packed, and what is said of files
// that are not what was packed or are for another model.

import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { pack } from '#ortune/commands/pack.js';
import type { Dataset } from '#ortune/data/dataset.js';
import { checkPack } from '#ortune/data/pack/pack-format.js';
import { idProblem, secondOf } from '#ortune/data/pack/tokens.js';
import { StoredTensors } from '#ortune/data/stored-tensors.js';
import { DataError, UsageError } from '#ortune/errors.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { openLoader } from '#ortune/tasks/loader.js';
import { textLoader } from '../../support/loaders.js';
import { columns, corpora, corpus } from '../corpora.js';

const { write, path, open, closeAll, remove } = corpora();
afterEach(closeAll);
afterAll(remove);

const samples = corpus(2500).map((sample, i) => (i % 3 === 0 ? sample : { ...sample, pair: `lunch is money ${i}` }));
const file = write(
  'train.jsonl',
  samples.map((sample) => ({ pair: '', ...sample })),
);
const model = path('encoder');
const maxLength = 40;
const tokenizer = buildWordPiece(
  samples.map(({ text }) => text),
  { minFrequency: 1, maxLength: 64 },
);
writeEncoder(model, { layers: 1, hidden: 8, heads: 2, positions: 64, labels: ['a', 'b'], tokenizer });
const options = { data: [file], model, maxLength, pairColumn: 'pair', weightColumn: 'weight', workers: 2 };
const whole = path('whole.safetensors');
beforeAll(async () => {
  await pack({ ...options, output: whole });
});

const inputs = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({ name, dtype: 'int64' as const }));

/** Every number that a training run would see in an epoch. */
async function bits(data: Dataset): Promise<unknown[]> {
  const feeder = await textLoader({ directory: model, inputs, batchSize: 32, maxLength });
  const seen: unknown[] = [];
  for await (const batch of feeder.batches(data.rows({ batchSize: 32, seed: 3, epoch: 1 }))) {
    const { axes, tokens, truncated, samples, weights } = batch;
    const views = [...batch.inputs].map(([name, { data }]) => [name, Buffer.from(data.slice().buffer).toString('hex')]);
    seen.push({ axes, tokens, truncated, weights, samples: [...samples], views });
    batch.release();
  }
  await feeder.close();
  return seen;
}

describe('packed texts', () => {
  test('give the batches of the texts, with pairs and weights, in the same order', async () => {
    const wanted = { columns: { ...columns, pair: 'pair', weight: 'weight' } };
    const texts = await open({ train: [file], ...wanted });
    const packed = await open({ train: [whole], ...wanted });
    expect(packed.labels.names).toEqual(texts.labels.names);
    expect(packed.classCounts).toEqual(texts.classCounts);
    expect(packed.train.location(2)).toBe(`${whole}:row 2`);
    const seen = await bits(packed.train);
    expect(seen.some((batch) => (batch as { truncated: number }).truncated > 0)).toBe(true);
    expect(seen).toEqual(await bits(texts.train));
  });

  test('may be split, and lie in several files', async () => {
    const second = write(
      'second.jsonl',
      corpus(30, 5000).map((sample) => ({ pair: '', ...sample })),
    );
    const output = path('second.safetensors');
    await pack({ ...options, data: [second], output });
    const packed = await open({ train: [whole, output], evalSplit: 0.2 });
    const texts = await open({ train: [file, second], evalSplit: 0.2, columns: { ...columns, pair: 'pair' } });
    expect(packed.classCounts).toEqual(texts.classCounts);
    expect(await bits(packed.eval!)).toEqual(await bits(texts.eval!));
  });
});

describe('packing', () => {
  test('that is aborted goes on to the same file', async () => {
    const output = path('aborted.safetensors');
    const stop = new AbortController();
    const onProgress = ({ done }: { done: number }): void => {
      if (done >= 1024) stop.abort();
    };
    expect(await pack({ ...options, output }, { signal: stop.signal, onProgress })).toBeUndefined();
    expect(existsSync(output)).toBe(false);
    const seen: number[] = [];
    await pack({ ...options, output, workers: 1 }, { onProgress: ({ done }) => seen.push(done) });
    expect(seen[0]).toBe(1024);
    expect(readFileSync(output)).toEqual(readFileSync(whole));
    expect([`${output}.partial`, `${output}.partial.jsonl`].filter((name) => existsSync(name))).toEqual([]);
  });

  test.each([
    ['killed', () => {}, 2048],
    [
      'killed while it wrote the journal',
      (output: string) => appendFileSync(`${output}.partial.jsonl`, '{"bytes":12'),
      2048,
    ],
    ['killed, its last block lost', (output: string) => spoil(`${output}.partial`, -7), 1024],
  ])('that was %s goes on behind the last block that is whole', async (_, damage, from) => {
    const output = path(`killed ${from} ${_.length}.safetensors`);
    const script = join(import.meta.dirname, 'kill-in-pack.mjs');
    const killed = spawnSync(process.execPath, [script, '2048', JSON.stringify({ ...options, output })]);
    expect(killed.signal, String(killed.stderr)).toBe('SIGKILL');
    damage(output);
    const seen: number[] = [];
    await pack({ ...options, output }, { onProgress: ({ done }) => seen.push(done) });
    expect(seen[0]).toBe(from);
    expect(readFileSync(output)).toEqual(readFileSync(whole));
  });

  test('of other data does not go on with what it finds', async () => {
    const output = path('other.safetensors');
    const stop = new AbortController();
    const onProgress = ({ done }: { done: number }): void => {
      if (done >= 1024) stop.abort();
    };
    await pack({ ...options, output, maxLength: 30 }, { signal: stop.signal, onProgress });
    await pack({ ...options, output });
    expect(readFileSync(output)).toEqual(readFileSync(whole));
  });

  test('does not replace a file unless it is told to', async () => {
    await expect(pack({ ...options, output: whole })).rejects.toThrow(
      new UsageError(`${whole} is there already; set overwrite to replace it, or name another output`),
    );
    await expect(pack({ ...options, output: path('x.bin') })).rejects.toThrow(/must end in \.safetensors/);
    await pack({ ...options, output: whole, overwrite: true });
  });

  test('names the place of a text without tokens', async () => {
    const bare = path('bare');
    const { tokenizer_config, ...rest } = { tokenizer_config: {}, ...JSON.parse(JSON.stringify(tokenizer)) };
    writeEncoder(bare, { layers: 1, hidden: 8, heads: 2, positions: 64, labels: ['a', 'b'], tokenizer: rest });
    const json = JSON.parse(readFileSync(join(bare, 'tokenizer.json'), 'utf8'));
    json.model.unk_token = '[NONE]';
    writeFileSync(join(bare, 'tokenizer.json'), JSON.stringify(json));
    writeFileSync(
      join(bare, 'tokenizer_config.json'),
      JSON.stringify({ unk_token: '[NONE]', tokenizer_class: 'BertTokenizer' }),
    );
    const odd = write('odd.jsonl', [
      { text: 'free', label: 'a' },
      { text: '漢', label: 'b' },
    ]);
    await expect(pack({ data: [odd], model: bare, output: path('odd.safetensors') })).rejects.toThrow(
      /odd\.jsonl:2: the text cannot be tokenised/,
    );
  });

  test('refuses token types that are no run', () => {
    expect(secondOf([0, 0, 1, 1, 0])).toEqual([2, 4]);
    expect(secondOf([0, 0])).toEqual([0, 0]);
    expect(() => secondOf([0, 1, 0, 1])).toThrow(/of more types than two, or of both in turn/);
    expect(() => secondOf([0, 0, 2])).toThrow(/of more types than two/);
  });
});

function spoil(name: string, at: number): void {
  const bytes = readFileSync(name);
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  writeFileSync(name, bytes);
}

const check = (name: string): unknown => StoredTensors.with(name, 'a pack', (stored) => checkPack(stored, 'texts'));

describe('a packed file', () => {
  test('of which any byte is altered is refused', async () => {
    const small = path('small.safetensors');
    await pack({
      ...options,
      data: [
        write(
          'small.jsonl',
          samples.slice(0, 9).map((s) => ({ pair: '', ...s })),
        ),
      ],
      output: small,
    });
    const good = readFileSync(small);
    check(small);
    const altered = path('altered.safetensors');
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= 1 << (at % 8);
      writeFileSync(altered, bytes);
      expect(() => check(altered), `byte ${at}`).toThrow(DataError);
    }
  });

  test('that is cut or has grown is refused', async () => {
    const cut = path('cut.safetensors');
    const good = readFileSync(whole);
    for (const length of [0, 5, 100, 6000, good.length - 1]) {
      writeFileSync(cut, good.subarray(0, length));
      await expect(open({ train: [cut] }), `${length} bytes`).rejects.toThrow(/cut|is empty/);
    }
    writeFileSync(cut, Buffer.concat([good, Buffer.alloc(1)]));
    await expect(open({ train: [cut] })).rejects.toThrow(/1 bytes follow its last tensor/);
  });

  test.each([
    [
      'another version',
      '"ortune_pack":"1"',
      '"ortune_pack":"2"',
      /packed in version '2', this version of ortune reads 1/,
    ],
    ['another kind', '"ortune_kind":"texts"', '"ortune_kind":"image"', /is altered/],
    ['no sum', '"ortune_sha256"', '"ortune_sha255"', /is altered/],
  ])('of %s is refused', async (_, from, to, says) => {
    const other = path('other-word.safetensors');
    const bytes = readFileSync(whole);
    bytes.write(to, bytes.indexOf(from), 'latin1');
    writeFileSync(other, bytes);
    await expect(open({ train: [other] })).rejects.toThrow(says);
  });

  test('of another tokenizer or length is refused by name', async () => {
    const packed = await open({ train: [whole] });
    const task = { name: 'text-classification', options: {} };
    const fed = { directory: model, inputs: inputs as never, outputs: [], maxPositions: 64, labels: ['a', 'b', 'c'] };
    const config = { task: task.name, batchSize: 8, maxLength, maxPixels: 1 };
    const tables = [packed.train.table!];
    const { loader } = await openLoader(config, fed, task, tables);
    await loader.close();
    const refused = (how: object, of = fed) => openLoader({ ...config, ...how }, of, task, tables);
    await expect(refused({ maxLength: 32 })).rejects.toThrow(
      /packed with maxLength 40, and the model is to read 32 tokens/,
    );
    const other = path('other-encoder');
    const words = buildWordPiece(['quite other words'], { minFrequency: 1, maxLength: 64 });
    writeEncoder(other, { layers: 1, hidden: 8, heads: 2, positions: 64, labels: ['a', 'b'], tokenizer: words });
    await expect(refused({}, { ...fed, directory: other })).rejects.toThrow(
      /packed with another tokenizer than that of .*other-encoder/,
    );
    const masking = { probability: 0.15, wholeWords: false, nextSentence: true };
    await expect(openLoader(config, fed, { name: 'masked-lm', options: masking }, tables)).rejects.toThrow(
      /packed texts cannot be joined to others; leave nextSentence out/,
    );
  });

  test('is not mixed with what is not packed, alike or streamed', async () => {
    await expect(open({ train: [file, whole] })).rejects.toThrow(/holds texts and .* packed ones/);
    await expect(open({ train: [whole], streaming: true })).rejects.toThrow(/packed texts, which are not streamed/);
    const other = path('shorter.safetensors');
    await pack({ ...options, maxLength: 20, output: other });
    await expect(open({ train: [whole, other] })).rejects.toThrow(/packed with another tokenizer or maxLength than/);
    const plain = join(import.meta.dirname, '../../fixtures/digits/train.safetensors');
    await expect(open({ train: [plain] })).rejects.toThrow(/is no packed file of texts; 'ortune pack --model MODEL'/);
  });

  test('without labels is for tasks that need none', async () => {
    const output = path('unlabelled.safetensors');
    await pack({ ...options, output, labelled: false });
    await expect(open({ train: [output] })).rejects.toThrow(/was packed without labels/);
    const packed = await open({ train: [output], columns: { text: 'text' } });
    expect(packed.train.samples).toBe(2500);
  });
});

test.each([
  [[0, 5, 91], 92, undefined],
  [[3, 92], 92, /packed token 92 .* embedding has 92 rows: pack the texts again/],
  [[-7, 3], 92, /packed token -7 /],
  [[2 ** 31 - 1], undefined, undefined],
  [[-1], undefined, /packed token -1 is no token of the model: /],
] as const)('ids %j of a packed row and %s rows of an embedding: %s', (ids, rows, problem) => {
  const found = idProblem(ids, rows);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(problem);
});
