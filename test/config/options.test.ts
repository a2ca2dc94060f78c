import { describe, expect, it } from 'vitest';
import { listOptions, optionsThatChangeNothing, optionTable, parseOptions } from '#ortune/config/options.js';
import { benchStepSchema, evalSchema, gradcheckSchema, predictSchema } from '#ortune/config/schema.js';
import { trainSchema } from '#ortune/config/train-schema.js';

const required = { model: 'm', train: 't.jsonl', output: 'o' };
const messageOf = (input: unknown, where?: string): string => {
  try {
    parseOptions(trainSchema, input, { where });
  } catch (error) {
    expect(error).toMatchObject({ name: 'UsageError', exitCode: 2 });
    return (error as Error).message;
  }
  return '';
};

describe('parseOptions', () => {
  it('fills in every default', () => {
    const config = parseOptions(trainSchema, required);
    expect(config).toMatchObject({
      model: 'm',
      output: 'o',
      batchSize: 16,
      optimizer: 'adamw',
      freeze: [],
      groups: [],
    });
    expect(config.dropout).toEqual({});
  });

  it('takes one file, or several', () => {
    expect(parseOptions(trainSchema, required).train).toEqual(['t.jsonl']);
    expect(parseOptions(trainSchema, { ...required, train: ['a.csv', 'b/*.csv'] }).train).toEqual(['a.csv', 'b/*.csv']);
  });

  it.each([
    [5000, 5000],
    ['4GB', 4e9],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['512 mb', 512e6],
    ['800k', 8e5],
    ['1000', 1000],
  ])('takes %j of memory', (memoryLimit, expected) => {
    expect(parseOptions(trainSchema, { ...required, memoryLimit }).memoryLimit).toBe(expected);
  });

  it('takes one number for all dropout rates and one pattern for the list', () => {
    const config = parseOptions(trainSchema, { ...required, dropout: 0.2, freeze: 'trunk' });
    expect(config.dropout).toEqual({ hidden: 0.2, attention: 0.2, head: 0.2 });
    expect(config.freeze).toEqual(['trunk']);
  });

  it('says what is missing, and from where', () => {
    expect(messageOf({ model: 'm', output: 'o' }, 'run.yaml')).toBe(
      "run.yaml: option 'train' is missing: Training data: JSONL, CSV, TSV or Parquet, also gzipped; of pictures also a folder with one sub-folder for each class, or .safetensors; " +
        'several files and globs. It takes a non-empty text or a list, each a non-empty text',
    );
  });

  it.each([
    [{ epochs: 0 }, "option 'epochs' must be a whole number of at least 1, found 0"],
    [{ epochs: 1.5 }, "option 'epochs' must be a whole number of at least 1, found 1.5"],
    [{ learningRate: 'fast' }, 'option \'learningRate\' must be a number above 0, found "fast"'],
    [
      { memoryLimit: '4 gigs' },
      'option \'memoryLimit\' must be a number of bytes, or a size such as 4GB or 512 MiB, found "4 gigs"',
    ],
    [{ warmupRatio: 2 }, "option 'warmupRatio' must be a number from 0 to 1, found 2"],
    [
      { optimizer: 'lamb' },
      'option \'optimizer\' must be one of adamw, adam, sgd, rmsprop, adadelta, lion, found "lamb"',
    ],
    [{ dropout: { head: 1 } }, "option 'dropout.head' must be a number of at least 0 and below 1, found 1"],
    [{ nesterov: 'yes' }, 'option \'nesterov\' must be true or false, found "yes"'],
    [{ buckets: [] }, "option 'buckets' must be a list, each a whole number of at least 1, found []"],
    [{ threads: 5000 }, "option 'threads' must be a whole number from 1 to 1024, found 5000"],
    [{ evalSteps: null }, "option 'evalSteps' must be a whole number of at least 1, found null"],
    [{ seed: 3n }, "option 'seed' must be a whole number from 0 to 4294967295, found 3n"],
    [{ seed: () => 3 }, "option 'seed' must be a whole number from 0 to 4294967295, found function"],
    [{ buckets: [32, 0] }, "option 'buckets[1]' must be a whole number of at least 1, found 0"],
    [{ train: ['a.csv', 3] }, "option 'train[1]' must be a non-empty text, found 3"],
    [{ groups: 'head' }, /^option 'groups' must be a list, each an object of parameters, .*, found "head"$/],
    [{ groups: [{ learningRate: 1 }] }, /^option 'groups\[0\]\.parameters' is missing\. It takes a non-empty text or/],
    [
      {
        groups: [
          { parameters: 'a', learningRate: 1 },
          { parameters: 'b', learningRate: -1 },
        ],
      },
      "option 'groups[1].learningRate' must be a number of at least 0, found -1",
    ],
    [
      { groups: [{ parameters: ['a', true], learningRate: 1 }] },
      "option 'groups[0].parameters[1]' must be a non-empty text, found true",
    ],
    [
      { classWeights: { 'not spam': -1 } },
      'option \'classWeights["not spam"]\' must be a number of at least 0, found -1',
    ],
    [
      { classWeights: 'even' },
      "option 'classWeights' must be 'balanced' or an object of names, each with a number of at least 0, found \"even\"",
    ],
  ])('states the option, what it takes and what it found: %o', (wrong, message) => {
    if (typeof message === 'string') expect(messageOf({ ...required, ...wrong })).toBe(message);
    else expect(messageOf({ ...required, ...wrong })).toMatch(message);
  });

  it('cuts what it found where that is long', () => {
    expect(messageOf({ ...required, optimizer: 'x'.repeat(1000) })).toMatch(/found "x{198}…$/);
  });

  it('takes what it gave', () => {
    const config = parseOptions(trainSchema, {
      ...required,
      dropout: 0.1,
      classWeights: { ham: 2 },
      groups: [{ parameters: 'head', learningRate: 1e-3 }],
    });
    expect(parseOptions(trainSchema, config)).toEqual(config);
  });

  it.each([
    ['lerningRate', 'learningRate'],
    ['learning_rate', 'learningRate'],
    ['lr', 'learningRate'],
    ['num_train_epochs', 'epochs'],
    ['outputDir', 'output'],
    ['batchsize', 'batchSize'],
  ])('answers the unknown option %s with %s', (wrong, meant) => {
    expect(messageOf({ ...required, [wrong]: 1 })).toBe(`unknown option '${wrong}'; did you mean '${meant}'?`);
  });

  it('suggests nothing where nothing is close, and looks into nested options', () => {
    expect(messageOf({ ...required, zebra: 1 })).toBe("unknown option 'zebra'");
    expect(messageOf({ ...required, dropout: { hiden: 0.1 } })).toBe(
      "unknown option 'dropout.hiden'; did you mean 'dropout.hidden'?",
    );
    expect(messageOf({ ...required, groups: [{ parameters: 'a', lr: 1 }] })).toBe(
      "unknown option 'groups[0].lr'; did you mean 'groups[0].learningRate'?",
    );
    expect(messageOf({ ...required, 'dropout.hidden': 0.1 })).toBe(
      "unknown option 'dropout.hidden': write it as 'hidden' inside 'dropout'",
    );
  });

  it('refuses what is no object and lists all problems at once', () => {
    expect(messageOf(['a'])).toBe('the configuration must be an object of options, found ["a"]');
    expect(messageOf({ ...required, epochs: 0, lr: 1 }).split('\n')).toHaveLength(2);
  });
});

describe('listOptions', () => {
  it('gives each option its flag, placeholder and default', () => {
    const byKey = new Map(listOptions(trainSchema).map((o) => [o.key, o]));
    expect(byKey.get('learningRate')).toMatchObject({
      flag: '--learning-rate',
      value: 'N',
      kind: 'number',
      default: undefined,
    });
    expect(byKey.get('dropout.hidden')).toMatchObject({ flag: '--dropout-hidden', value: 'N', kind: 'number' });
    expect(byKey.get('buckets')).toMatchObject({ kind: 'number', many: true });
    expect(byKey.get('freeze')).toMatchObject({ flag: '--freeze', value: 'PATTERN', many: true });
    expect(byKey.get('nesterov')).toMatchObject({ flag: '--nesterov', value: undefined, kind: 'boolean' });
    expect(byKey.get('train')).toMatchObject({ value: 'FILE', required: true });
    expect(byKey.get('resume')).toMatchObject({ value: 'CHECKPOINT', impliedValue: 'latest' });
    expect(byKey.get('nonFinite')).toMatchObject({ value: 'stop|skip', choices: ['stop', 'skip'] });
    expect(byKey.get('sampling')).toMatchObject({ value: 'NAME', choices: expect.arrayContaining(['balanced']) });
  });

  it('calls structure what a flag writes in YAML', () => {
    const structures = listOptions(trainSchema).filter((o) => o.kind === 'structure');
    expect(structures.map(({ key, many }) => [key, many])).toEqual([
      ['augmentModule', false],
      ['classWeights', false],
      ['thresholds', false],
      ['loss', false],
      ['losses', true],
      ['inputColumns', false],
      ['augmentation', true],
      ['groups', true],
      ['dropout', false],
    ]);
  });

  it('knows which options do not change what a run computes', () => {
    const unaffecting = optionsThatChangeNothing(trainSchema);
    for (const key of ['output', 'threads', 'workers', 'saveSteps', 'resume', 'tensorboard'])
      expect(unaffecting, key).toContain(key);
    for (const key of ['seed', 'batchSize', 'learningRate', 'groups', 'dropout', 'freeze', 'evalSplit', 'maxSteps'])
      expect(unaffecting, key).not.toContain(key);
  });

  it.each(Object.entries({ trainSchema, evalSchema, predictSchema, benchStepSchema, gradcheckSchema }))(
    'finds a description for every option of %s',
    (_, schema) => {
      for (const option of listOptions(schema)) expect(option.description, option.key).toMatch(/\.$/);
    },
  );

  it('makes a table with a row per option', () => {
    const table = optionTable(trainSchema);
    expect(table).toContain(
      '| `train` | required | Training data: JSONL, CSV, TSV or Parquet, also gzipped; of pictures also a folder with one sub-folder for each class, or .safetensors;',
    );
    expect(table).toContain('| `schedulePower` | `1` | Exponent of the polynomial schedule. Takes a number above 0. |');
    expect(table.split('\n')).toHaveLength(listOptions(trainSchema).length + 2);
  });
});
