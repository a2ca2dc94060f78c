import { describe, expect, it } from 'vitest';
import { seedsOf } from '#ortune/compare/plan.js';
import { type CompareOptions, compareSchema } from '#ortune/config/compare-schema.js';
import { listOptions, optionTable, parseOptions } from '#ortune/config/options.js';
import { trainSchema } from '#ortune/config/train-schema.js';

const required = { model: 'm', train: 't.jsonl', test: 'x.jsonl', output: 'o' };
const parse = (more: object = {}) => parseOptions(compareSchema, { ...required, ...more });

function problemsOf(options: object): string[] {
  try {
    parseOptions(compareSchema, options);
  } catch (error) {
    expect(error).toMatchObject({ name: 'UsageError', exitCode: 2 });
    return (error as Error).message.split('\n');
  }
  return [];
}

describe('the options of a comparison', () => {
  it('are those of a run, four strategies, three seeds and accuracy', () => {
    const { strategies, seeds, metric, corpusTop, ...rest } = parse();
    expect({ strategies, seeds, metric, corpusTop }).toEqual({
      strategies: ['untouched', 'frozen', 'scratch', 'finetuned'],
      seeds: 3,
      metric: 'accuracy',
      corpusTop: 50,
    });
    const { init: _i, freeze: _f, allowChanges: _a, ...run } = parseOptions(trainSchema, required);
    // Runs that are compared are of one length, whatever of them the data would decide.
    expect(rest).toEqual({ ...run, epochs: 3, learningRate: 5e-5 });
  });

  it('take strategies as a list or with commas', () => {
    expect(parse({ strategies: 'frozen, first:2' }).strategies).toEqual(['frozen', 'first:2']);
    expect(parse({ strategies: ['frozen', 'first:2,scratch'] }).strategies).toEqual(['frozen', 'first:2', 'scratch']);
  });

  it('take seeds as a list, or as a number of them from seed on', () => {
    expect(seedsOf(parse({ seeds: 2 }))).toEqual([0, 1]);
    expect(seedsOf(parse({ seeds: 2, seed: 7 }))).toEqual([7, 8]);
    expect(seedsOf(parse({ seeds: [5] }))).toEqual([5]);
  });

  it('leave alone what an override does not name', () => {
    expect(parse({ overrides: { frozen: { learningRate: 0.01, dropout: 0.2 } } }).overrides).toEqual({
      frozen: { learningRate: 0.01, dropout: { hidden: 0.2, attention: 0.2, head: 0.2 } },
    });
  });

  it('have overrides that the types know, too', () => {
    const options: CompareOptions = { ...required, overrides: { frozen: { learningRate: 1e-3 } } };
    // @ts-expect-error: the budget is the same for all
    const wrong: CompareOptions = { ...required, overrides: { frozen: { epochs: 3 } } };
    expect([problemsOf(options), problemsOf(wrong)].map((list) => list.length)).toEqual([0, 1]);
  });

  it.each<[object, string | RegExp]>([
    [{ strategies: 'contrastive', pairColumn: 'b' }, /'contrastive' and option 'pairColumn' contradict each other/],
    [{ strategies: 'contrastive', multiLabel: true }, /texts with one class each/],
    [{ strategies: 'tlm', corpusSteps: 2000 }, /'tlm' needs 'corpus', texts without labels/],
    [{ strategies: 'tlm', corpus: 'c.jsonl' }, /'tlm' needs 'corpusSteps', how long its first part is/],
    [{ strategies: 'tlm', corpus: 'c.jsonl', corpusSteps: 999 }, /'corpusSteps' and 'corpusRatio' contradict/],
    [{ strategies: 'tlm', corpus: 'c.jsonl', corpusSteps: 2000, multiLabel: true }, /one class each/],
    [{ strategies: 'scratch', corpus: 'c.jsonl' }, /'corpus' is for strategy tlm: add it to strategies/],
    [{ strategies: 'contrastive', test: undefined, evalSplit: 0.2 }, /what is held out .* would be learnt before it/],
    [
      { strategies: 'contrastive', task: 'masked-lm', metric: 'loss' },
      /for task text-classification, and the task is masked-lm/,
    ],
    [
      { strategies: ['frozn'] },
      "option 'strategies' names the unknown strategy 'frozn'; did you mean 'frozen'? There are untouched, frozen, " +
        'scratch, finetuned, lora, contrastive, tlm, or first:K for the first K layers, such as first:2',
    ],
    [{ strategies: ['first:0'] }, /unknown strategy 'first:0'\. There are untouched, .* such as first:2$/],
    [{ strategies: [] }, /^option 'strategies' must be a list, each one of untouched, .*, found \[\]$/],
    [{ strategies: ['frozen', 'frozen'] }, "option 'strategies' has frozen twice: each may be there once"],
    [{ seeds: [1, 1] }, "option 'seeds' has 1 twice: each may be there once"],
    [{ seeds: 0 }, "option 'seeds' must be a number of seeds from 1 to 1000, or a list of seeds, found 0"],
    [{ metric: 'acuracy' }, /'metric' must be one of loss, accuracy, .*, found "acuracy"; did you mean "accuracy"\?/],
    [{ overrides: { adapters: { learningRate: 1 } } }, /^option 'overrides' names the unknown strategy 'adapters'/],
    [{ overrides: { frozen: { lr: 1 } } }, /'overrides\.frozen\.lr'; did you mean 'overrides\.frozen\.learningRate'\?/],
    [
      { overrides: { frozen: { learningRate: 0 } } },
      "option 'overrides.frozen.learningRate' must be a number above 0, found 0",
    ],
    [
      { overrides: { frozen: { epochs: 9 } } },
      "option 'overrides.frozen.epochs' must be left out: it is the same for all strategies, found 9",
    ],
    [
      { overrides: { frozen: { freeze: 'a' } } },
      'option \'overrides.frozen.freeze\' must be left out: the strategies say what is frozen, found "a"',
    ],
    [{ overrides: 3 }, "option 'overrides' must be an object of names, each with options of train, found 3"],
    [{ freeze: ['a'] }, 'option \'freeze\' must be left out: the strategies say what is frozen, found ["a"]'],
    [{ init: 'random' }, /^option 'init' must be left out: the strategies say where the weights start, found/],
    [{ resume: 'latest' }, /^option 'resume' must be left out: what an interrupted comparison has done is found in/],
    [{ streaming: true, evalSplit: 0.1 }, /^options 'streaming' and 'evalSplit' contradict each other/],
    [
      { test: undefined },
      "nothing to compare the strategies on: give 'test', or 'eval', or 'evalSplit' for a share of the training data",
    ],
    [
      { test: undefined, eval: 'e.csv', evalStrategy: 'no' },
      /^option 'evalStrategy' no leaves nothing to compare the strategies on: give 'test', or leave evalStrategy out$/,
    ],
  ])('that cannot be are refused: %o', (wrong, message) => {
    const problems = problemsOf({ ...required, ...wrong });
    expect(problems).toHaveLength(1);
    if (typeof message === 'string') expect(problems[0]).toBe(message);
    else expect(problems[0]).toMatch(message);
  });

  it('have no flag where a strategy decides, and a description each', () => {
    const options = new Map(listOptions(compareSchema).map((o) => [o.key, o]));
    for (const key of ['freeze', 'init', 'keepLayers', 'resume', 'allowChanges']) expect(options.has(key)).toBe(false);
    expect(options.get('seeds')).toMatchObject({ flag: '--seeds', kind: 'numbers', many: false, default: 3 });
    expect(options.get('strategies')).toMatchObject({ kind: 'text', many: true });
    expect(options.get('overrides')).toMatchObject({ kind: 'structure', many: false });
    for (const { key, description } of options.values()) expect(description, key).toMatch(/\.$/);
  });

  it('have a table of what a run has not', () => {
    const rows = optionTable(compareSchema, trainSchema).split('\n').slice(2);
    expect(rows.map((row) => row.split(' | ')[0])).toEqual([
      '| `strategies`',
      '| `seeds`',
      '| `metric`',
      '| `overrides`',
      '| `corpusTop`',
      '| `corpusSteps`',
    ]);
    expect(rows[2]).toContain('| `metric` | `"accuracy"` | Metric to compare:');
  });
});
