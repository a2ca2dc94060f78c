import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CheckpointWriter, loadCheckpoint } from '#ortune/checkpoint/store.js';
import { isWhole, renderSums, verifyCheckpoint } from '#ortune/checkpoint/verify.js';
import { DataError, OrtuneError } from '#ortune/errors.js';
import { encodeHeader } from '#ortune/files/safetensors.js';
import { hash } from '#ortune/random.js';
import { sources, temporary, valuesOf } from './sources.js';

const names = ['model.safetensors', 'optimizer.safetensors', 'state.json', 'SHA256SUMS'];
const original = temporary();
let directory: string;
let path: string;
const file = (name: string): string => join(path, name);

beforeAll(async () => {
  const writer = new CheckpointWriter(original, sources());
  for (const step of [10, 20, 30]) {
    const { written } = await writer.snapshot(step, { epoch: 3, note: 'state of the run' }, { limit: 9 });
    await written;
  }
  await writer.close();
});
beforeEach(() => {
  directory = temporary();
  cpSync(original, directory, { recursive: true });
  path = join(directory, 'step-20');
});

/** Makes SHA256SUMS right for what the files hold now. */
function sumAnew(): void {
  const sums = names.slice(0, 3).map((name) =>
    createHash('sha256')
      .update(readFileSync(file(name)))
      .digest('hex'),
  );
  writeFileSync(file('SHA256SUMS'), renderSums(sums));
}

describe('a checkpoint', () => {
  test('verifies, and says what its files hold', () => {
    const { tensors, step, state } = verifyCheckpoint(path);
    expect([step, state]).toEqual([20, { epoch: 3, note: 'state of the run' }]);
    expect([...tensors['model.safetensors'].places.keys()]).toEqual(expect.arrayContaining(['layer.0/weight', '7']));
    expect(tensors['optimizer.safetensors'].places.size).toBe(8);
  });

  test('with any single byte changed is refused, naming the file', () => {
    const below = (limit: number, stream: number, i: number): number => hash(1, stream, i) % limit;
    for (let i = 0; i < 500; i++) {
      const name = names[i % names.length]!;
      const bytes = readFileSync(file(name));
      const at = below(bytes.length, 0, i);
      const before = bytes[at]!;
      bytes[at] = before ^ (1 + below(255, 1, i));
      writeFileSync(file(name), bytes);
      expect(() => verifyCheckpoint(path), `${name} byte ${at}: ${before} to ${bytes[at]}`).toThrow(DataError);
      expect(() => verifyCheckpoint(path)).toThrow(name);
      bytes[at] = before;
      writeFileSync(file(name), bytes);
    }
    expect(isWhole(path)).toBe(true);
  });

  test.each(names)('with %s cut anywhere or longer by a byte is refused, naming it', (name) => {
    const bytes = readFileSync(file(name));
    for (let length = 0; length < bytes.length; length += 1 + Math.floor(bytes.length / 60)) {
      writeFileSync(file(name), bytes.subarray(0, length));
      expect(() => verifyCheckpoint(path), `${length} bytes`).toThrow(name);
    }
    writeFileSync(file(name), Buffer.concat([bytes, Buffer.from('\n')]));
    expect(() => verifyCheckpoint(path)).toThrow(name);
  });

  test.each(names)('without %s is refused, naming it', (name) => {
    rmSync(file(name));
    expect(() => verifyCheckpoint(path)).toThrow(`${name} is missing`);
  });

  test('with SHA256SUMS of the same sums in another form is refused', () => {
    const text = readFileSync(file('SHA256SUMS'), 'latin1');
    const [first, second, third] = text.split('\n') as [string, string, string];
    for (const [other, line] of [
      [`${second}\n${first}\n${third}\n`, 1],
      [`${first.toUpperCase().slice(0, 64)}${first.slice(64)}\n${second}\n${third}\n`, 1],
      [`${first}\n${second.replace('  ', ' *')}\n${third}\n`, 2],
      [`${first}\n${second}\n${third}\0`, 3],
    ] as const) {
      writeFileSync(file('SHA256SUMS'), other, 'latin1');
      expect(() => verifyCheckpoint(path)).toThrow(`SHA256SUMS is altered: line ${line} is not a sum and its file`);
    }
    writeFileSync(file('SHA256SUMS'), `${text}# more\n`);
    expect(() => verifyCheckpoint(path)).toThrow(/SHA256SUMS is altered: \d+ bytes expected, \d+ found/);
  });

  test('with a file that is not its own is refused', () => {
    writeFileSync(file('notes.txt'), '');
    expect(() => verifyCheckpoint(path)).toThrow('notes.txt is no part of it; move it elsewhere');
  });

  test('with a directory in place of a file is refused', () => {
    rmSync(file('state.json'));
    mkdirSync(file('state.json'));
    expect(() => verifyCheckpoint(path)).toThrow('state.json cannot be read: EISDIR');
  });

  test('that is a file, or nothing, is refused', () => {
    expect(() => verifyCheckpoint(file('state.json'))).toThrow('it cannot be read: ENOTDIR');
    expect(() => verifyCheckpoint(join(directory, 'step-21'))).toThrow('there is no such directory');
  });

  test('that says how long it was is cut, not altered', () => {
    const { size } = statSync(file('model.safetensors'));
    truncateSync(file('model.safetensors'), size - 5);
    expect(() => verifyCheckpoint(path)).toThrow('model.safetensors is cut: 80 bytes of tensors expected, 75 found');
    truncateSync(file('SHA256SUMS'), 100);
    expect(() => verifyCheckpoint(path)).toThrow('SHA256SUMS is cut: 249 bytes expected, 100 found');
  });
});

describe('right sums do not make true:', () => {
  test('a header that lies', () => {
    const bytes = readFileSync(file('model.safetensors'));
    const text = bytes.toString('latin1').replace('"shape":[3,5]', '"shape":[5,5]');
    writeFileSync(file('model.safetensors'), text, 'latin1');
    sumAnew();
    expect(() => verifyCheckpoint(path)).toThrow(
      "model.safetensors is not a valid safetensors file: tensor 'layer.0/weight' of shape [5,5] takes 100 bytes",
    );
  });

  test.each([
    ['no JSON', '{', 'state.json is not JSON'],
    ['null', 'null', 'state.json has format undefined, this version of ortune reads format 1'],
    ['a later format', '{"format":2}', 'state.json has format 2, this version of ortune reads format 1'],
    ['no step', '{"format":1,"state":{}}', "state.json must have a number 'step' and an object 'state'"],
    ['no state', '{"format":1,"step":1,"state":null}', "state.json must have a number 'step' and an object 'state'"],
  ])('a state that is %s', (_, json, message) => {
    writeFileSync(file('state.json'), json);
    sumAnew();
    expect(() => verifyCheckpoint(path)).toThrow(message);
  });
});

describe('loading', () => {
  test('a damaged checkpoint fails, offers the last whole one before it and leaves the tensors alone', async () => {
    truncateSync(file('optimizer.safetensors'), 300);
    const into = sources(7);
    const loading = loadCheckpoint(path, into);
    await expect(loading).rejects.toThrow(DataError);
    const whole = join(directory, 'step-10');
    await expect(loading).rejects.toThrow(
      new RegExp(
        `^checkpoint ${path} cannot be used: optimizer.safetensors is cut: .* found.* ${whole} is whole: resume from it with --resume ${whole}$`,
      ),
    );
    expect(valuesOf(into)).toEqual(valuesOf(sources(7)));
  });

  test('passes over other damaged ones', async () => {
    truncateSync(file('state.json'), 3);
    rmSync(join(directory, 'step-10', 'state.json'));
    const whole = join(directory, 'step-30');
    await expect(loadCheckpoint(path, sources())).rejects.toThrow(`resume from it with --resume ${whole}`);
    rmSync(join(whole, 'state.json'));
    await expect(loadCheckpoint(path, sources())).rejects.toThrow('No other checkpoint beside it is whole');
  });

  test('a checkpoint that was copied elsewhere works under any name', async () => {
    const copy = join(temporary(), 'the good one');
    cpSync(path, copy, { recursive: true });
    const into = sources(7);
    expect(await loadCheckpoint(copy, into)).toEqual({ epoch: 3, note: 'state of the run' });
    expect(valuesOf(into)).toEqual(valuesOf(sources()));
    rmSync(join(copy, 'state.json'));
    await expect(loadCheckpoint(copy, into)).rejects.toThrow('No other checkpoint beside it is whole');
  });

  test('a checkpoint of another model fails, naming what differs, and leaves the tensors alone', async () => {
    const [weight, ...others] = sources(7);
    const data = new Float32Array(new SharedArrayBuffer(4 * 15));
    const loading = (into: Parameters<typeof loadCheckpoint>[1]) => loadCheckpoint(path, into);
    await expect(loading([{ ...weight!, shape: [5, 3] }, ...others])).rejects.toThrow(
      `checkpoint ${path} does not fit this run: 'layer.0/weight' in model.safetensors has shape [3,5], the run has [5,3]. ` +
        'Resume with the model, freeze and optimizer it was made with',
    );
    const renamed = loading([{ ...weight!, name: 'other', data }, ...others]);
    await expect(renamed).rejects.toThrow(OrtuneError);
    await expect(renamed).rejects.toThrow(
      "model.safetensors has no tensor 'other' [3,5]; the run has no 'layer.0/weight' of model.safetensors",
    );
    await expect(loading([])).rejects.toThrow('; and 7 more. Resume with');
    expect(valuesOf(others)).toEqual(valuesOf(sources(7).slice(1)));
  });

  test('reads a file that another program wrote in another order', async () => {
    const reversed = sources().slice(0, 4).reverse();
    const data = reversed.map((source) => Buffer.from(source.data.slice().buffer));
    writeFileSync(file('model.safetensors'), Buffer.concat([encodeHeader(reversed, {}), ...data]));
    sumAnew();
    const into = sources(7);
    await loadCheckpoint(path, into);
    expect(valuesOf(into)).toEqual(valuesOf(sources()));
  });
});
