import { mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { temporaryDirectory } from '../support/temporary.js';
import { external, floats, initializer, linear, writeModel } from './support.js';

const root = temporaryDirectory();
let directory: string;
let source: string;
beforeEach((context) => {
  directory = join(root, context.task.id);
  source = join(directory, 'source', 'model.onnx');
  mkdirSync(join(directory, 'source'), { recursive: true });
});

const w = floats([1, 2, 3, 4, 5, 6], [2, 3]);
const b = floats([0.5, -1, 2]);

describe('external data is checked when a model opens', () => {
  const open = (location: string, entries: Record<string, number>) =>
    openModel(writeModel(source, linear(external('w', w, location, entries), initializer('b', b))));
  beforeEach(() => writeFileSync(join(directory, 'source', 'data'), w.bytes()));

  test('its bytes are read on first use', () => {
    const model = open('data', { offset: 0, length: 24 });
    expect(toGraph(model).initializers.get('w')!.numbers()).toEqual(w.numbers());
  });

  test('a missing file', () => {
    expect(() => open('gone', {})).toThrow(
      /'w' .* lies in the external data file 'gone', which cannot be read \(ENOENT\)/,
    );
  });

  test('a file that is too short', () => {
    truncateSync(join(directory, 'source', 'data'), 20);
    expect(() => open('data', {})).toThrow(/takes bytes 0 to 24 of .*data, which has only 20: the file is cut/);
  });

  test('a file that becomes too short later, also for one who does not know what it was', () => {
    const opened = open('data', {});
    const { external: _, ...unknown } = opened;
    const [graph, other] = [toGraph(opened), toGraph(unknown)];
    truncateSync(join(directory, 'source', 'data'), 20);
    expect(() => graph.initializers.get('w')!.bytes()).toThrow(/source\/data has changed since the model was opened/);
    expect(() => other.initializers.get('w')!.bytes()).toThrow(/ends 4 bytes too early/);
  });

  test.each([
    ['a length unlike the shape', 'data', { length: 20 }],
    ['a negative offset', 'data', { offset: -4 }],
    ['no location', '', {}],
  ])('%s', (_, location, entries) => {
    expect(() => open(location, entries as Record<string, number>)).toThrow(/'w' .* is damaged: external data at/);
  });

  test.each(['../secret', '/etc/hostname', 'a/../../secret', '..'])('%s leads out of the directory', (location) => {
    writeFileSync(join(directory, 'secret'), w.bytes());
    expect(() => open(location, {})).toThrow(/outside of the model's directory/);
  });

  test('a location that is not a file', () => {
    mkdirSync(join(directory, 'source', 'folder'));
    expect(() => open('folder', {})).toThrow(/'folder', which is not a file/);
  });

  test('a symbolic link out of the directory', () => {
    writeFileSync(join(directory, 'secret'), w.bytes());
    symlinkSync('../secret', join(directory, 'source', 'link'));
    expect(() => open('link', {})).toThrow(/outside of the model's directory/);
  });
});

describe('links of the Hugging Face cache', () => {
  /**
   * REPOSITORY/snapshots/abc/onnx/model.onnx and its data as links into REPOSITORY/blobs; `to`: where the data's leads.
   */
  function snapshot(to = '../../../blobs/data'): string {
    const repository = join(directory, 'models--acme--tiny');
    const folder = join(repository, 'snapshots', 'abc', 'onnx');
    for (const made of [folder, join(repository, 'blobs')]) mkdirSync(made, { recursive: true });
    writeModel(
      join(repository, 'blobs', 'model'),
      linear(external('w', w, 'model.onnx_data', {}), initializer('b', b)),
    );
    for (const file of [join(repository, 'blobs', 'data'), join(directory, 'data')]) writeFileSync(file, w.bytes());
    symlinkSync('../../../blobs/model', join(folder, 'model.onnx'));
    symlinkSync(to, join(folder, 'model.onnx_data'));
    return join(repository, 'snapshots', 'abc');
  }
  const read = (path: string) => toGraph(openModel(path)).initializers.get('w')!.numbers();

  test('are followed into the blobs of the same repository, by the snapshot, the file, and a link to either', () => {
    const model = snapshot();
    symlinkSync(model, join(directory, 'link'));
    for (const path of [
      model,
      join(model, 'onnx/model.onnx'),
      join(directory, 'link'),
      join(directory, 'link/onnx/model.onnx'),
    ])
      expect(read(path)).toEqual(w.numbers());
  });

  test('also by way of another link beside them, and where the whole cache is linked', () => {
    const model = snapshot('second');
    symlinkSync('../../../blobs/data', join(model, 'onnx', 'second'));
    symlinkSync(join(directory, 'models--acme--tiny'), join(directory, 'elsewhere'));
    expect(read(join(directory, 'elsewhere', 'snapshots', 'abc'))).toEqual(w.numbers());
  });

  test.each([
    ['out of the repository', '../../../../data'],
    ['beside the blobs', '../../../other'],
    ['into a folder of the blobs', '../../../blobs/deep/data'],
    ['into another repository', '../../../../models--acme--other/blobs/data'],
  ])('that lead %s are refused by name', (_, to) => {
    const model = snapshot(to);
    const target = join(model, 'onnx', to);
    mkdirSync(join(target, '..'), { recursive: true });
    writeFileSync(target, w.bytes());
    expect(() => openModel(model)).toThrow(
      /names external data 'model\.onnx_data', which is outside of the model's directory/,
    );
  });

  test('are not followed through blobs that are a link themselves', () => {
    const model = snapshot();
    const blobs = join(model, '../../blobs');
    renameSync(blobs, join(directory, 'secrets'));
    symlinkSync(join(directory, 'secrets'), blobs);
    expect(() => openModel(model)).toThrow(/outside of the model's directory/);
  });
});
