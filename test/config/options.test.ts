import { describe, expect, it } from 'vitest';
import { listOptions, optionTable, parseOptions } from '#ortune/config/options.js';
import { benchStepSchema, evalSchema, gradcheckSchema, predictSchema } from '#ortune/config/schema.js';
import { trainSchema } from '#ortune/config/train-schema.js';

const required = { model: 'm', train: 't.jsonl', output: 'o' };
const messageOf = (input: unknown, where?: string): string => {
  try {
    parseOptions(trainSchema, input, where);
  } catch (error) {
    expect(error).toMatchObject({ name: 'UsageError', exitCode: 2 });
    return (error as Error).message;
  }
  return '';
};

describe('parseOptions', () => {
  it('fills in every default', () => {
    const config = parseOptions(trainSchema, required);
    expect(config).toMatchObject({ model: 'm', output: 'o', epochs: 3, optimizer: 'adamw', freeze: [], groups: [] });
    expect(config.dropout).toEqual({});
  });

  it('takes one file, or several', () => {
    expect(parseOptions(trainSchema, required).train).toEqual(['t.jsonl']);
    expect(parseOptions(trainSchema, { ...required, train: ['a.csv', 'b/*.csv'] }).train).toEqual(['a.csv', 'b/*.csv']);
  });

  it('takes one number for all dropout rates and one pattern for the list', () => {
    const config = parseOptions(trainSchema, { ...required, dropout: 0.2, freeze: 'trunk' });
    expect(config.dropout).toEqual({ hidden: 0.2, attention: 0.2, head: 0.2 });
    expect(config.freeze).toEqual(['trunk']);
  });

  it('says what is missing, and from where', () => {
    expect(messageOf({ model: 'm', output: 'o' }, 'run.yaml')).toBe(
      "run.yaml: option 'train' is missing: Training data: JSONL, CSV, TSV or Parquet, also gzipped; " +
        'several files and globs. It takes a non-empty text or a list, each a non-empty text',
    );
  });

  it.each([
    [{ epochs: 0 }, "option 'epochs' must be a whole number of at least 1, found 0"],
    [{ epochs: 1.5 }, "option 'epochs' must be a whole number of at least 1, found 1.5"],
    [{ learningRate: 'fast' }, 'option \'learningRate\' must be a number above 0, found "fast"'],
    [{ warmupRatio: 2 }, "option 'warmupRatio' must be a number from 0 to 1, found 2"],
    [{ optimizer: 'lion' }, 'option \'optimizer\' must be one of adamw, sgd, found "lion"'],
    [{ dropout: { head: 1 } }, "option 'dropout.head' must be a number of at least 0 and below 1, found 1"],
    [{ nesterov: 'yes' }, 'option \'nesterov\' must be true or false, found "yes"'],
    [{ buckets: [] }, "option 'buckets' must be a list, each a whole number of at least 1, found []"],
    [{ threads: 5000 }, "option 'threads' must be a whole number from 1 to 1024, found 5000"],
  ])('states the option, what it takes and what it found: %o', (wrong, message) => {
    expect(messageOf({ ...required, ...wrong })).toBe(message);
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
      default: 5e-5,
    });
    expect(byKey.get('dropout.hidden')).toMatchObject({ flag: '--dropout-hidden', value: 'N', kind: 'number' });
    expect(byKey.get('buckets')).toMatchObject({ kind: 'number', many: true });
    expect(byKey.get('freeze')).toMatchObject({ flag: '--freeze', value: 'PATTERN', many: true });
    expect(byKey.get('nesterov')).toMatchObject({ flag: '--nesterov', value: undefined, kind: 'boolean' });
    expect(byKey.get('train')).toMatchObject({ value: 'FILE', required: true });
  });

  it.each(Object.entries({ trainSchema, evalSchema, predictSchema, benchStepSchema, gradcheckSchema }))(
    'finds a description for every option of %s',
    (_, schema) => {
      for (const option of listOptions(schema)) expect(option.description, option.key).toMatch(/\.$/);
    },
  );

  it('makes a table with a row per option', () => {
    const table = optionTable(trainSchema);
    expect(table).toContain('| `train` | required | Training data: JSONL, CSV, TSV or Parquet, also gzipped;');
    expect(table).toContain('| `schedulePower` | `1` | Exponent of the polynomial schedule. Takes a number above 0. |');
    expect(table.split('\n')).toHaveLength(listOptions(trainSchema).length + 2);
  });
});
