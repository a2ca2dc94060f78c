import { describe, expect, it } from 'vitest';
import { parseOptions } from '#ortune/config/options.js';
import { metricOfSearch, searchSchema } from '#ortune/config/search-schema.js';
import { isWhole } from '#ortune/config/search-space.js';

const usual = { model: 'm', train: 't.jsonl', eval: 'e.jsonl', output: 'o', space: { learningRate: [1e-3, 1e-4] } };
const parsed = (more: object) => parseOptions(searchSchema, { ...usual, ...more }, { where: 'search.yaml' });

describe('the options of a search', () => {
  it.each<[object, string]>([
    [{ space: undefined }, "option 'space' is missing"],
    [{ space: {} }, "option 'space' names no option to try values of"],
    [{ space: { learnRate: [1] } }, "unknown option 'space.learnRate'; did you mean 'space.learningRate'?"],
    [{ space: { lr: [1] } }, "unknown option 'space.lr'; did you mean 'space.learningRate'?"],
    [
      { space: { learningRate: [] } },
      "option 'space.learningRate' must be a list of one or more values, or {min, max, scale}, found []",
    ],
    [
      { space: { learningRate: 1 } },
      "option 'space.learningRate' must be a list of one or more values, or {min, max, scale}, found 1",
    ],
    [
      { space: { learningRate: [1, 'fast'] } },
      'option \'space.learningRate[1]\' must be a number above 0 or null, found "fast"',
    ],
    [
      { space: { batchSize: [1.5] } },
      "option 'space.batchSize[0]' must be a whole number from 1 to 65536 or null, found 1.5",
    ],
    [
      { space: { 'dropout.hidden': [2] } },
      'option \'space["dropout.hidden"][0]\' must be a number of at least 0 and below 1 or null, found 2',
    ],
    [
      { space: { schedule: { min: 1, max: 2 } } },
      "option 'space.schedule' must be a list of one or more values, found",
    ],
    [
      { space: { l1: { min: 0, max: 1, scale: 'ln' } }, trials: 2 },
      'option \'space.l1.scale\' must be one of linear, log, found "ln"',
    ],
    [
      { space: { l1: { min: 0, max: 1, scale: 'log' } }, trials: 2 },
      "option 'space.l1' must have a min above 0 where scale is log, found 0",
    ],
    [
      { space: { l1: { min: 1, max: 1 } }, trials: 2 },
      "option 'space.l1' must have a min below its max, found 1 and 1",
    ],
    [
      { space: { l1: { min: 0, max: 1 } } },
      "option 'space.l1' is a range, of which not every value can be tried: set trials",
    ],
    [{ space: { l1: [0, 0] } }, "option 'space.l1' has 0 twice"],
    [
      { space: { dropout: [0], 'dropout.head': [0.1] } },
      "options 'space.dropout' and 'space.dropout.head' contradict each other",
    ],
    [{ space: { output: ['a'] } }, "option 'space.output' must be left out: every trial has its own"],
    [{ space: { test: ['a'] } }, "option 'space.test' must be left out: it is the same for all trials"],
    [
      {
        space: {
          seed: Array.from({ length: 101 }, (_, i) => i),
          batchSize: Array.from({ length: 101 }, (_, i) => i + 1),
        },
      },
      "option 'space' has 10,201 combinations, more than 10000: set trials",
    ],
    [
      { space: { seed: [0, 1] }, eval: undefined, evalSplit: 0.1 },
      "options 'evalSplit' and 'space.seed' contradict each other",
    ],
    [{ eval: undefined }, "nothing to choose a trial by: give 'eval', or 'evalSplit'"],
    [{ evalStrategy: 'no' }, "option 'evalStrategy' no leaves nothing to choose a trial by"],
    [{ metric: 'accuracies' }, "option 'metric' must be one of loss, accuracy, "],
    [{ metric: 'own.mine' }, "option 'metric': metrics of your own (own.…) are for single runs"],
    [{ halving: 3 }, "option 'halving' needs 'maxSteps'"],
    [
      { halving: 3, maxSteps: 9, space: { maxSteps: [3, 9] } },
      "options 'halving' and 'space.maxSteps' contradict each other",
    ],
    [{ minSteps: 3 }, "option 'minSteps' is for halving"],
    [{ halving: 2, maxSteps: 3, minSteps: 4 }, "option 'minSteps' (4) must be at most maxSteps (3)"],
    [{ halving: 1, maxSteps: 3 }, "option 'halving' must be a whole number of at least 2"],
    [{ resume: 'latest' }, "option 'resume' must be left out"],
  ])('%j is refused: %s', (more, message) => {
    expect(() => parsed(more)).toThrow(message);
    expect(() => parsed(more)).toThrow(/^search\.yaml: /);
  });

  it('decide by metricForBestModel, or by the first metric of the task that is no loss', () => {
    expect(metricOfSearch(parsed({}))).toBe('accuracy');
    expect(metricOfSearch(parsed({ metricForBestModel: 'f1' }))).toBe('f1');
    expect(metricOfSearch(parsed({ metricForBestModel: 'f1', metric: 'loss' }))).toBe('loss');
    expect(metricOfSearch(parsed({ task: 'masked-lm' }))).toBe('perplexity');
  });

  it('know which options take whole numbers', () => {
    expect(['batchSize', 'loraRank', 'learningRate', 'dropout.hidden', 'schedule'].map(isWhole)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
