// Names that data sets give their classes, and what is odd about labels: said, or refused with what to set.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { imageColumns, textColumns } from '#ortune/data/column-specs.js';
import { sourceOf } from '#ortune/data/images/tensors.js';
import { RowFunction } from '#ortune/data/memory/row-function.js';
import { packedTexts, type Read, type Rules, readAs, readLabels } from '../support/label-forms.js';
import { float32, int64, safetensors, uint8 } from '../support/safetensors.js';
import { temporaryDirectory } from '../support/temporary.js';

const fixtures = join(import.meta.dirname, '../fixtures/labels');
const directory = temporaryDirectory('declared');
const pictures = imageColumns({ labelColumn: 'label' });
const words = [
  { role: 'words', kind: 'texts', name: 'tokens' },
  { role: 'tags', kind: 'classes', name: 'tags', target: true },
] as const;

const parquet = (name: string, rules: Rules = {}): Promise<Read> =>
  readAs({ files: [join(fixtures, `${name}.parquet`)] }, {}, rules);
const short = ({ classes, samples }: Read): string => `${classes.join(' ')}: ${samples.join(' ')}`;

let folders = 0;
/** A folder with these files. */
function folder(files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = join(directory, String(folders++));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}

describe('Parquet', () => {
  test.each<[string, string]>([
    ['names', 'ham spam: ham spam ham spam'],
    ['dictionary', 'ham spam: ham spam ham spam'],
    ['ids', '0 1: 0 1 0 1'],
    ['int8', '0 1: 0 1 0 1'],
    ['doubles', '0 1: 0 1 0 1'],
    ['booleans', 'false true: false true false true'],
    ['ones', '1 2: 1 2 1 2'],
    ['big', '9007199254740992 9007199254740993 9007199254740994: 9007199254740992 9007199254740993 9007199254740994'],
    ['named', 'spam ham: spam ham spam ham'],
    ['arrow', 'spam ham: spam ham'],
    ['three', 'spam ham eggs: spam ham spam ham'],
    ['stars', '1 2 3 4 5: 1 2 3 4'],
  ])('%s.parquet has the classes %s', async (name, expected) => {
    expect(short(await parquet(name))).toBe(expected);
  });

  test('names are matched with those of the model, whatever their order and letters', async () => {
    expect(short(await parquet('named', { modelLabels: ['ham', 'spam'] }))).toBe('ham spam: spam ham spam ham');
    expect(short(await parquet('named', { modelLabels: ['HAM', 'SPAM'] }))).toBe('HAM SPAM: SPAM HAM SPAM HAM');
    expect((await parquet('named', { classes: ['ham', 'spam'] })).samples).toEqual(['spam', 'ham', 'spam', 'ham']);
    expect((await parquet('arrow', { classes: ['eggs', 'ham', 'spam'] })).samples).toEqual(['spam', 'ham']);
    const { samples, notes } = await parquet('named', { classes: ['LABEL_0', 'LABEL_1'] });
    expect([samples.join(' '), notes]).toEqual([
      'LABEL_0 LABEL_1 LABEL_0 LABEL_1',
      expect.stringContaining("'ham' → 'LABEL_1', 'spam' → 'LABEL_0'"),
    ]);
    await expect(parquet('named', { classes: ['a', 'b'] })).rejects.toThrow(/named\.parquet:1: unknown label 'spam'/);
  });

  test('labelNames wins over names that are others, and the names over being numbers of the model', async () => {
    const rules = { labelNames: ['junk', 'mail'] };
    const won = await parquet('named', rules);
    expect([short(won), won.notes]).toEqual([
      'junk mail: junk mail junk mail',
      expect.stringContaining('labelNames wins over the names that'),
    ]);
    expect((await parquet('named', { ...rules, classes: ['mail', 'junk'] })).samples[0]).toBe('junk');
    const count = folder({
      'dataset_info.json': '{"features":{"label":{"names":["0","1"]}}}',
      'a.csv': 'text,label\na,0\nb,1\n',
    });
    const files = [join(count, 'a.csv')];
    expect(short(await readAs({ files }, {}, { modelLabels: ['ham', 'spam'] }))).toBe('0 1: 0 1');
    expect(short(await readAs({ files }, {}, { labelNames: ['ham', 'spam'] }))).toBe('ham spam: ham spam');
  });

  test('names are found in streamed files, and for lists', async () => {
    const { files } = { files: [join(fixtures, 'named.parquet')] };
    expect(short(await readAs({ files }, { streaming: true }, {}))).toBe('spam ham: spam ham spam ham');
    const tags = await readAs({ files: [join(fixtures, 'tags.parquet')] }, { columns: words }, {});
    expect(short(tags)).toBe('O PER: PER O O O');
  });

  test('-1 and numbers without a name are refused with their row', async () => {
    await expect(parquet('none')).rejects.toThrow(
      /none\.parquet:2: label -1 means that there is none .* leave such rows out/,
    );
    await expect(parquet('out', { classes: ['ham', 'spam'] })).rejects.toThrow(
      /out\.parquet:3: label '2' is out of range: .*out\.parquet names 2 classes \('spam', 'ham'\), numbered from 0/,
    );
  });

  test('a class that no sample has is said', async () => {
    expect((await parquet('three')).notes).toContain("no sample of the training data has the class 'eggs'");
    expect((await parquet('names', { classes: ['ham', 'spam', 'eggs'] })).notes).toContain("the class 'eggs'");
    expect((await parquet('names', { labelNames: ['eggs', 'ham', 'spam', 'tofu'] })).notes).toContain(
      "2 of the classes 'eggs', 'tofu'",
    );
  });
});

describe('names beside the data', () => {
  const numbers = 'text,label\na,0\nb,1\n';
  const label = { names: ['spam', 'ham'], _type: 'ClassLabel' };
  const info = JSON.stringify({ features: { text: { dtype: 'string', _type: 'Value' }, label } });
  const card = (features: string) => `---\nlicense: mit\ndataset_info:\n${features}\n---\n# A data set\n`;
  const features = (a: string, b: string) =>
    `features:\n    - name: text\n      dtype: string\n    - name: label\n      dtype:\n        class_label:\n          names:\n            '0': ${a}\n            '1': ${b}`;
  const one = card(`    ${features('spam', 'ham')}`);
  const two = card(
    `  - config_name: en\n    ${features('spam', 'ham')}\n  - config_name: de\n    ${features('Müll', 'gut')}`,
  );
  const read = (path: string, rules: Rules = {}) => readAs({ files: [path] }, {}, rules);

  test('are those of dataset_info.json, or of README.md in the folder of the data set', async () => {
    const files = { 'dataset_info.json': info, 'a.csv': numbers };
    expect(short(await read(join(folder(files), 'a.csv')))).toBe('spam ham: spam ham');
    expect(short(await read(join(folder({ 'README.md': one, 'a.csv': numbers }), 'a.csv')))).toBe('spam ham: spam ham');
    const below = join(
      folder({ 'README.md': one, 'data/a.jsonl': '{"text":"a","label":1}\n{"text":"b","label":0}' }),
      'data',
    );
    expect(short(await read(join(below, 'a.jsonl')))).toBe('spam ham: ham spam');
    const rows = folder({ 'README.md': one, 'a.jsonl': '{"text":"a","label":"ham"}\n{"text":"b","label":"spam"}' });
    expect(short(await read(join(rows, 'a.jsonl')))).toBe('spam ham: ham spam');
    copyFileSync(join(fixtures, 'ids.parquet'), join(rows, 'ids.parquet'));
    expect(short(await read(join(rows, 'ids.parquet'), { modelLabels: ['ham', 'spam'] }))).toBe(
      'ham spam: spam ham spam ham',
    );
  });

  test('of several configurations are those of the file, or have to be said', async () => {
    const path = folder({ 'README.md': two, 'de/a.csv': numbers, 'other/a.csv': numbers });
    expect(short(await read(join(path, 'de/a.csv')))).toBe('Müll gut: Müll gut');
    await expect(read(join(path, 'other/a.csv'))).rejects.toThrow(/2 configurations .* say with labelNames/);
  });

  test('of pictures in tables and folders are used, too', async () => {
    const path = folder({
      'README.md': one,
      'a.csv': 'image,label\na.jpg,1\nb.jpg,0\n',
      'p/0/a.jpg': '',
      'p/1/a.jpg': '',
    });
    for (const file of ['a.csv', 'p']) {
      const found = await readAs({ files: [join(path, file)] }, { columns: pictures }, {});
      expect(short(found)).toBe(file === 'p' ? 'spam ham: spam ham' : 'spam ham: ham spam');
    }
  });

  test('that do not fit are left aside, and it is said; -1 and both kinds are refused', async () => {
    const path = folder({
      'README.md': one,
      'other.csv': 'text,label\na,eggs\nb,tofu\n',
      'none.csv': 'text,label\na,0\nb,-1\n',
      'both.csv': 'text,label\na,0\nb,ham\n',
    });
    const other = await read(join(path, 'other.csv'));
    expect([short(other), other.notes]).toEqual([
      'eggs tofu: eggs tofu',
      expect.stringMatching(/README\.md names the classes 'spam', 'ham', and .* its labels are taken as they are/),
    ]);
    await expect(read(join(path, 'none.csv'))).rejects.toThrow(/none\.csv:3: label -1 means that there is none/);
    await expect(read(join(path, 'both.csv'))).rejects.toThrow(
      /both\.csv:2: label '0' is a number, and 'ham' \(.*both\.csv:3\)/,
    );
  });

  test('that are no names, or a page of something else, say nothing', async () => {
    const useless: Record<string, string>[] = [
      { 'README.md': '# ortune\n' },
      { 'README.md': '---\ntitle: [\n---\n' },
      { 'README.md': '---\ndataset_info: 3\n---\n' },
      { 'dataset_info.json': '[' },
      { 'dataset_info.json': '{"features":{"label":{"names":[{}]}}}' },
      { 'dataset_info.json': '{"features":{"label":{"names":["0","1"]}}}' },
    ];
    for (const files of useless)
      expect(short(await read(join(folder({ ...files, 'a.csv': numbers }), 'a.csv')))).toBe('0 1: 0 1');
    const twice = folder({ 'dataset_info.json': '{"features":{"label":{"names":["a","a"]}}}', 'a.csv': numbers });
    await expect(read(join(twice, 'a.csv'))).rejects.toThrow(
      /dataset_info\.json: a class is named twice among 'a', 'a'/,
    );
  });
});

describe('numbers beside names', () => {
  const csv = (...labels: string[]) => `text,label\n${labels.map((label) => `a,${label}\n`).join('')}`;
  const read = (files: Record<string, string>, rules: Rules = {}) => {
    const path = folder(files);
    return readAs({ files: Object.keys(files).map((name) => join(path, name)) }, {}, rules);
  };

  test('in another file are refused, unless a model or labelNames tell them', async () => {
    const files = { 'a.csv': csv('ham', 'spam'), 'b.csv': csv('0', '1') };
    await expect(read(files)).rejects.toThrow(
      /b\.csv:2: label '0' is a number, and .*a\.csv has names of classes; say with labelNames/,
    );
    expect(short(await read(files, { modelLabels: ['spam', 'ham'] }))).toBe('spam ham: ham spam spam ham');
    expect(short(await read(files, { labelNames: ['ham', 'spam'] }))).toBe('ham spam: ham spam ham spam');
  });

  test('are names where they cannot be numbers of them', async () => {
    expect((await read({ 'a.csv': csv('ham', 'spam', '2024') })).classes).toEqual(['2024', 'ham', 'spam']);
    expect((await read({ 'a.csv': csv('a', 'b'), 'b.csv': csv('7', '8') })).classes).toEqual(['7', '8', 'a', 'b']);
  });

  test('of fewer classes than the model has are names, and it is said', async () => {
    const few = await read({ 'a.csv': csv('0', '1') }, { modelLabels: ['a', 'b', 'c'] });
    expect(few.notes).toMatch(
      /the labels '0', '1' are taken for names: as numbers of the model's 3 classes, .* Set labelNames/,
    );
    expect((await read({ 'a.csv': csv('0', '2') }, { modelLabels: ['a', 'b', 'c'], numLabels: 3 })).samples).toEqual([
      'a',
      'c',
    ]);
    expect((await read({ 'a.csv': csv('ham', 'spam') }, { modelLabels: ['eggs', 'ham', 'spam'] })).notes).toMatch(
      /no label of the training data is 'eggs': the new model does not know this class/,
    );
  });
});

describe('what is odd about classes is said', () => {
  const odd = async (labels: (string | number)[], form = 'CSV') => {
    const read = await readLabels(form, directory, labels, {});
    return typeof read === 'string' ? read : read.notes.replace(/^\d+ of \d+ training texts.*$/m, '');
  };
  const scores = Array.from({ length: 12 }, (_, i) => i / 8);

  test.each<[string, (string | number)[], RegExp | '']>([
    ['spaces', ['a', 'a ', 'b'], /differ only in .*: 'a', 'a '\. Write them alike/],
    ['case', ['Yes', 'yes', 'no'], /'Yes', 'yes'/],
    ['width', ['ａ', 'a', 'b'], /'a', 'ａ'/],
    ['the form of a number', ['1', '01', '2'], /'01', '1'|'1', '01'/],
    ['composition', ['\u00e9', 'e\u0301', 'x'], /differ only in .*: 'e\u0301', '\u00e9'/],
    ['a header again', ['spam', 'ham', 'label'], /a class is called like its column, 'label' \(.*:4\)/],
    ['-1 among numbers from 0', [0, 1, -1], /-1 is a class among numbers from 0: leave its rows out/],
    ['-1 for one of two', [-1, 1, 1], ''],
    ['a scale', [...scores, ...scores, ...scores], /12 classes of 36 samples: the labels are values of a scale/],
    [
      'a class for every sample',
      Array.from({ length: 12 }, (_, i) => `id ${i}`),
      /12 classes of 12 samples: nearly every/,
    ],
    ['nothing', ['a', 'b', 'a', 'b'], ''],
  ])('%s', async (_, labels, says) => {
    for (const form of ['CSV', 'rows', 'JSON Lines of pictures']) {
      const notes = await odd(labels, form);
      if (says === '') expect(notes).toBe('');
      else if (form !== 'CSV') expect(notes).toMatch(new RegExp(says.source.replace(':4', '.*')));
      else expect(notes).toMatch(says);
    }
  });

  test('folders that are the parts of a data set are refused, unless labelNames calls classes so', async () => {
    for (const names of [
      ['train', 'val'],
      ['Train', 'valid', 'test'],
      ['training', 'validation', 'labels'],
      ['dev', 'test'],
    ]) {
      const path = folder(Object.fromEntries(names.map((name) => [`${name}/a.jpg`, ''])));
      await expect(readAs({ files: [path] }, { columns: pictures }, {})).rejects.toThrow(
        /parts of a data set, not classes\. Name the folders of classes \(.*\), or list the names in labelNames/,
      );
      const said = await readAs({ files: [path] }, { columns: pictures }, { labelNames: names });
      expect(said.classes).toEqual(names);
    }
    for (const names of [
      ['bus', 'train'],
      ['test', 'control'],
    ]) {
      const path = folder(Object.fromEntries(names.map((name) => [`${name}/a.jpg`, ''])));
      expect((await readAs({ files: [path] }, { columns: pictures }, {})).classes).toEqual(names.toSorted());
    }
  });
});

describe('numbers of any size', () => {
  test('are told apart as they are written', async () => {
    const ids = ['9007199254740992', '9007199254740993', '123456789012345678901234567890'];
    for (const form of ['JSON Lines', 'streamed', 'rows', 'JSON Lines of pictures']) {
      const read = await readLabels(form, directory, ids.map(BigInt), {});
      expect((read as Read).samples, String(read)).toEqual(ids);
    }
    expect(await readLabels('rows', directory, [2 ** 53, 1], {})).toMatch(
      /train:row 0: .*which may be another one rounded: write it as a text/,
    );
    expect(await readLabels('stored tensors', directory, [2 ** 60, 1], {})).toMatch(
      /row 0: label 1152921504606847000 is no whole number/,
    );
  });

  test('take no memory by their size', async () => {
    const before = process.memoryUsage().rss;
    for (const form of ['stored tensors', 'pixels in memory', 'JSON Lines of pictures', 'rows', 'packed texts'])
      expect(((await readLabels(form, directory, [0, 1e9, 4e9], {})) as Read).classes).toEqual([
        '0',
        '1000000000',
        '4000000000',
      ]);
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });
});

describe('labels out of the names of a file', () => {
  test('are refused with their row: packed texts, tensors, pictures in memory', async () => {
    for (const label of [7, -1]) {
      const path = folder({ 'a.safetensors': packedTexts([0, label, 1], ['0', '1']) });
      await expect(readAs({ files: [join(path, 'a.safetensors')] }, {}, {})).rejects.toThrow(
        new RegExp(`a\\.safetensors:row 1: label ${label} is out of range; there are 2 classes \\('0', '1'\\)`),
      );
      const tensors = { pixel_values: uint8([3, 1, 1, 1], [1, 2, 3]), labels: int64([3], [0, label, 1]) };
      const stored = folder({ 'a.safetensors': safetensors(tensors, { label_names: 'cat,dog' }) });
      await expect(readAs({ files: [join(stored, 'a.safetensors')] }, { columns: pictures }, {})).rejects.toThrow(
        new RegExp(`row 1: label ${label} is out of range; there are 2 classes \\('cat', 'dog'\\), numbered from 0`),
      );
      const images = ['a.jpg', 'b.jpg', 'c.jpg'];
      const source = sourceOf({ images, labels: [0, label, 1], labelNames: ['cat', 'dog'] }, 'train');
      await expect(readAs({ source }, { columns: pictures }, {})).rejects.toThrow(
        label === 7
          ? /train:row 1: label '7' is out of range|b\.jpg: label '7' is out of range/
          : /label -1 means that there is none/,
      );
    }
    const half = safetensors({ pixel_values: uint8([2, 1, 1, 1], [1, 2]), labels: float32([2], [0, 0.5]) });
    const path = folder({ 'a.safetensors': half });
    await expect(readAs({ files: [join(path, 'a.safetensors')] }, { columns: pictures }, {})).rejects.toThrow(
      /row 1: label 0\.5 is no whole/,
    );
  });

  test('that a function gives in a later epoch alone are refused with their row', async () => {
    const columns = textColumns({ textColumn: 'text', labelColumn: 'label' });
    const rows = new RowFunction(
      (epoch) => ['ham', epoch === 0 ? 'spam' : 'eggs'].map((label) => ({ text: 'a', label })),
      {
        ...{ name: 'train', columns, weights: undefined },
      },
    );
    const { classes } = await readAs({ pass: await rows.pass() }, { columns }, {}, ['ham', 'spam']);
    expect(classes).toEqual(['ham', 'spam']);
    await expect(readAs({ pass: await rows.pass() }, { columns }, { classes: ['ham'] })).rejects.toThrow(
      /train:row 1: unknown label 'spam'/,
    );
  });
});
