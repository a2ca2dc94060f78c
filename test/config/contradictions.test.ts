import { describe, expect, it } from 'vitest';
import { parseOptions } from '#ortune/config/options.js';
import { trainSchema } from '#ortune/config/train-schema.js';

const required = { model: 'm', train: 't.jsonl', output: 'o' };
const evaluated = { ...required, eval: 'e.jsonl' };

function problemsOf(options: object): string[] {
  try {
    parseOptions(trainSchema, options);
  } catch (error) {
    expect(error).toMatchObject({ name: 'UsageError' });
    return (error as Error).message.split('\n');
  }
  return [];
}

describe('options that contradict each other', () => {
  it.each<[object, RegExp]>([
    [{ ...required, imageSize: 64 }, /'imageSize' is for task image-classification, and the task is text-class/],
    [
      { ...required, augmentation: ['randomHorizontalFlip'] },
      /'augmentation' is for task image-classification, and the/,
    ],
    [{ ...required, task: 'masked-lm', headLayers: [8] }, /'headLayers' is for classes, and task masked-lm has none/],
    [{ ...evaluated, evalSplit: 0.1 }, /'eval' and 'evalSplit' both say what to evaluate on: give the files, or/],
    [
      { ...evaluated, evalSteps: 10, evalStrategy: 'no' },
      /'evalSteps' and 'evalStrategy' contradict .* leave evalSteps out or set evalStrategy to steps/,
    ],
    [{ ...evaluated, evalSteps: 10, evalStrategy: 'epoch' }, /'evalSteps' and 'evalStrategy' .*: evalStrategy epoch/],
    [{ ...evaluated, evalStrategy: 'steps' }, /'evalStrategy' steps needs 'evalSteps': set how many/],
    [{ ...required, saveSteps: 10, saveStrategy: 'no' }, /'saveSteps' and 'saveStrategy' contradict/],
    [{ ...required, saveSteps: 10, saveStrategy: 'epoch' }, /'saveSteps' and 'saveStrategy' contradict/],
    [{ ...required, saveStrategy: 'steps' }, /'saveStrategy' steps needs 'saveSteps'/],
    [{ ...required, evalSteps: 10 }, /'evalSteps' needs data to evaluate on: give 'eval' or 'evalSplit', or leave/],
    [{ ...required, evalStrategy: 'epoch' }, /'evalStrategy' needs data to evaluate on/],
    [{ ...required, loadBestModelAtEnd: true }, /'loadBestModelAtEnd' needs data to evaluate on/],
    [{ ...required, earlyStoppingPatience: 2 }, /'earlyStoppingPatience' needs data to evaluate on/],
    [{ ...required, metricForBestModel: 'f1' }, /'metricForBestModel' needs data to evaluate on/],
    [
      { ...evaluated, evalStrategy: 'no', loadBestModelAtEnd: true },
      /'loadBestModelAtEnd' and 'evalStrategy' contradict .* leave one of them out/,
    ],
    [{ ...evaluated, evalStrategy: 'no', earlyStoppingPatience: 1 }, /'earlyStoppingPatience' and 'evalStrategy'/],
    [
      { ...evaluated, metricForBestModel: 'macro-f1' },
      /'metricForBestModel' must be one of loss, accuracy, .*, found "macro-f1"; did you mean "macro.f1"\?/,
    ],
    [{ ...evaluated, metricForBestModel: 'perplexity' }, /found "perplexity"$/],
    [{ ...required, sampling: 'weighted' }, /'sampling' weighted needs 'weightColumn'/],
    [{ ...required, streaming: true, evalSplit: 0.1 }, /'streaming' and 'evalSplit' .* give it as eval/],
    [{ ...required, streaming: true, sampling: 'balanced' }, /'streaming' and 'sampling' .* set sampling to shuffle/],
    [
      { ...required, streaming: true, sampling: 'weighted', weightColumn: 'w' },
      /'streaming' and 'sampling' contradict each other: weighted sampling/,
    ],
    [{ ...required, groups: [{ parameters: ['a', 'b'] }] }, /'groups\[0\]' \(a, b\) sets nothing: set learningRate, /],
    [{ ...required, overwrite: true, resume: 'latest' }, /'overwrite' and 'resume' contradict .* --no-overwrite/],
  ])('%o', (options, message) => {
    const problems = problemsOf(options);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });

  it('are all said at once, but not beside options that are wrong by themselves', () => {
    const both = { ...evaluated, evalSplit: 0.1, overwrite: true, resume: 'latest' };
    expect(problemsOf(both)).toHaveLength(2);
    expect(problemsOf({ ...both, epochs: 0 })).toEqual([
      "option 'epochs' must be a whole number of at least 1, found 0",
    ]);
  });
});

describe('options that go together', () => {
  it.each([
    { ...evaluated, evalSteps: 10 },
    { ...evaluated, evalSteps: 10, evalStrategy: 'steps', saveSteps: 10, saveStrategy: 'steps' },
    { ...evaluated, evalStrategy: 'no' },
    { ...required, evalStrategy: 'no', saveStrategy: 'no' },
    { ...required, evalSplit: 0.1, earlyStoppingPatience: 2, loadBestModelAtEnd: false, metricForBestModel: 'mcc' },
    { ...required, sampling: 'weighted', weightColumn: 'w' },
    { ...evaluated, streaming: true, sampling: 'sequential', weightColumn: 'w', classWeights: 'balanced' },
    { ...required, resume: 'latest', allowChanges: true },
    { ...required, groups: [{ parameters: 'head', weightDecay: 0 }] },
  ])('%o', (options) => {
    expect(problemsOf(options)).toEqual([]);
  });
});
