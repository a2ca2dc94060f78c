import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError } from '#ortune/errors.js';
import { hash } from '#ortune/random.js';
import { type ActivationContent, ActivationFile, ActivationWriter } from '#ortune/trunk/activation-file.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('activations');
let files = 0;
const newPath = () => join(directory, `${files++}.activations`);

const content: ActivationContent = {
  key: 'k'.repeat(64),
  samples: 5,
  layout: [
    { axes: { tokens: 8 }, bytes: [16, 3] },
    { axes: { tokens: 16 }, bytes: [16, 700_000] },
  ],
};
/** Sample by sample, in the order of the file: the records are larger than what is written at once. */
const order = [3, 0, 4, 1, 2];
const formOf = (sample: number) => (sample % 2 === 0 ? 1 : 0);
const valuesOf = (sample: number): Uint8Array[] =>
  content.layout.at(formOf(sample))!.bytes.map((bytes, value) => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes));
    return shared.map((_, i) => hash(sample, value, i));
  });

async function written(path = newPath()): Promise<string> {
  const writer = await ActivationWriter.create(path, content);
  for (const sample of order) await writer.add(sample, formOf(sample), valuesOf(sample));
  await writer.finish({ truncated: 2 });
  return path;
}

const emptied = (sample: number) => valuesOf(sample).map((value) => value.fill(0));

describe('a file of activations', () => {
  it('gives back every record, into shared memory, and what else is told of the samples', async () => {
    const file = await ActivationFile.open(await written(), content);
    expect(file.notes).toEqual({ truncated: 2 });
    expect(file.bytes).toBe(order.reduce((sum, sample) => sum + valuesOf(sample).reduce((n, v) => n + v.length, 0), 0));
    for (const sample of [0, 1, 2, 3, 4]) {
      expect(file.formOf(sample)).toBe(formOf(sample));
      const into = emptied(sample);
      await file.read(sample, into);
      expect(into.map((value) => Buffer.compare(value, valuesOf(sample)[into.indexOf(value)]!))).toEqual([0, 0]);
    }
    await file.close();
  });

  it('is not there before it is whole, and leaves nothing when it is discarded', async () => {
    const path = newPath();
    const writer = await ActivationWriter.create(path, content);
    await writer.add(0, formOf(0), valuesOf(0));
    await expect(ActivationFile.open(path, content)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(writer.finish({ truncated: 0 })).rejects.toThrow('sample 1 of 5 has no record');
    await writer.discard();
    expect(readdirSync(directory).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('may be written by two at a time', async () => {
    const path = newPath();
    await Promise.all([written(path), written(path)]);
    const file = await ActivationFile.open(path, content);
    await file.close();
  });

  it('is refused wherever it was cut', async () => {
    const path = await written();
    const bytes = readFileSync(path);
    for (const length of [0, 5, 700_000, bytes.length - 300, bytes.length - 9, bytes.length - 1]) {
      writeFileSync(path, bytes.subarray(0, length));
      await expect(ActivationFile.open(path, content), `${length} bytes`).rejects.toThrow(DataError);
    }
  });

  it('is refused where a byte was altered, added or lost', async () => {
    const path = await written();
    const bytes = readFileSync(path);
    const description = bytes.indexOf('{"format"');
    const changed = (at: number) => {
      const copy = Buffer.from(bytes);
      copy[at]! ^= 1;
      return copy;
    };
    // Records, offsets, lengths, description, notes in it, its length, the mark.
    const places = [
      0,
      1_500_000,
      description - 50,
      description - 3,
      description + 20,
      bytes.indexOf('"truncated":2') + 12,
      bytes.length - 16,
      bytes.length - 1,
    ];
    for (const at of places) {
      writeFileSync(path, changed(at));
      await expect(ActivationFile.open(path, content), `byte ${at}`).rejects.toThrow(DataError);
    }
    writeFileSync(path, Buffer.concat([bytes.subarray(0, 100), bytes.subarray(101)]));
    await expect(ActivationFile.open(path, content)).rejects.toThrow(DataError);
    appendFileSync(path, 'x');
    await expect(ActivationFile.open(path, content)).rejects.toThrow(DataError);
  });

  it('is refused where it holds something else than is asked for', async () => {
    const path = await written();
    for (const other of [{ key: 'other' }, { samples: 4 }, { layout: content.layout.slice(1) }])
      await expect(ActivationFile.open(path, { ...content, ...other })).rejects.toThrow(/another model or other data/);
    const text = readFileSync(path).toString('latin1').replace('{"format":2', '{"format":3');
    writeFileSync(path, text, 'latin1');
    await expect(ActivationFile.open(path, content)).rejects.toThrow('its format is 3, expected 2');
  });

  it('says so when it is cut while it is in use', async () => {
    const path = await written();
    const file = await ActivationFile.open(path, content);
    truncateSync(path, 100);
    await expect(file.read(2, emptied(2))).rejects.toThrow(/was cut while it was in use/);
    await file.close();
  });

  it('is not read any further after an abort', async () => {
    const path = await written();
    await expect(ActivationFile.open(path, content, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
