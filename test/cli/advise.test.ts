// The command over real small runs: what it finds in data, and what it refuses.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfigFile } from '#ortune/config/load.js';
import { parseOptions } from '#ortune/config/options.js';
import { trainSchema } from '#ortune/config/train-schema.js';
import { ortune } from '../support/command.js';
import { digitsFile, digitsNetwork } from '../support/digits.js';
import { smallProblem } from '../support/small-problem.js';

const { path, write, lines } = smallProblem();

describe('ortune advise', () => {
  it('counts classes and copies, judges labels and lists those that are likely wrong with their lines', async () => {
    // Line 5 is turned round; 65 is a copy of line 1 with the other label, and 66 one of line 2.
    const rows = lines.map((line) => JSON.parse(line));
    rows[4] = { ...rows[4], label: 'ham' };
    const train = write(
      'advised.jsonl',
      [...rows, { ...rows[0], label: 'ham' }, rows[1]].map((row) => `${JSON.stringify(row)}\n`).join(''),
    );
    const output = path('advice');
    const data = ['--model', path('encoder'), '--train', train, '--eval', path('test.csv'), '--output', output];
    const run = [
      '--threads',
      '1',
      '--budget',
      '100',
      '--max-steps',
      '6',
      '--strategies',
      'finetuned',
      '--learning-rate',
      '1e-3',
    ];
    const { code, stdout, stderr } = await ortune(['advise', ...data, ...run, '--json']);
    expect(stderr).not.toContain('ortune:');
    expect(code).toBe(0);
    const advice = JSON.parse(stdout);
    expect(advice).toMatchObject({ task: 'text-classification', output, data: { samples: 66 } });
    expect(advice.data.classes.map(({ name }: { name: string }) => name)).toEqual(['ham', 'spam']);
    expect(advice.data.duplicates).toMatchObject({ eval: 20 });
    expect(advice.data.contradictions).toContainEqual({
      ...{ place: `${train}:65`, label: 'ham', same: `${train}:1`, otherLabel: 'spam' },
    });
    expect(advice.words.accuracy).toBeGreaterThan(0.9);
    expect(advice.features).toMatchObject({ samples: 66, size: 32, spread: { cosine: expect.any(Number) } });
    expect(advice.tokens).toMatchObject({ texts: 66, unknown: 0 });
    expect(advice.sentences.join('\n')).toContain('20 evaluation samples are in the training data too');
    const listed = readFileSync(join(output, 'label-issues.jsonl'), 'utf8');
    expect(
      listed
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    ).toEqual(advice.labelIssues.rows);
    // It is run for two steps and for six; the model's own classes are those of the data.
    const { asItIs, strategies, totalSteps, notes } = advice.trials;
    expect([totalSteps, notes]).toEqual([6, []]);
    expect(asItIs.accuracy).toBeGreaterThanOrEqual(0);
    expect(strategies.map(({ name }: { name: string }) => name)).toEqual(['finetuned']);
    for (const { runs, accuracy, low, high } of strategies) {
      expect(runs.map(({ steps }: { steps: number }) => steps)).toEqual([2, 6]);
      // Nothing is expected of a run that is as long as what was run.
      expect(accuracy).toBe(runs[1].accuracy);
      expect(low <= accuracy && accuracy <= high).toBe(true);
    }
    expect(readdirSync(output).sort()).toEqual(['advice.json', 'label-issues.jsonl', 'run.yaml']);
    expect(advice.config).toBe(join(output, 'run.yaml'));
    const config = parseOptions(trainSchema, readConfigFile(advice.config));
    const trained = strategies.find(
      ({ learningRate }: { learningRate: number }) => learningRate === config.learningRate,
    );
    expect(trained).toBeDefined();
    expect(config).toMatchObject({ model: path('encoder'), train: [train], maxSteps: 6, threads: 1 });
    expect(advice.sentences.join('\n')).toContain('Advice: ');
    const written = JSON.parse(readFileSync(join(output, 'advice.json'), 'utf8'));
    expect(written.features).toEqual(advice.features);
  });

  it('says of pictures how far the features of a network go, and when there is no time for runs', async () => {
    const data = ['--model', digitsNetwork, '--train', digitsFile('train'), '--output', path('digits')];
    const { code, stdout } = await ortune(['advise', ...data, '--threads', '1', '--budget', '0.1']);
    expect(stdout).toContain('There were no short runs: the budget leaves no time for short runs; raise budget.');
    expect(stdout).not.toContain('Advice: ');
    expect(stdout).toContain("A linear classifier on the frozen model's features is right for");
    expect(stdout).not.toContain('bag of words');
    expect(code).toBe(0);
  });

  it.each([
    [
      ['--task', 'masked-lm'],
      'there is no advice for task masked-lm yet, only for text-classification and image-classification',
    ],
    [['--multi-label'], "there is no advice for option '--multi-label' yet"],
    [['--streaming'], "option '--streaming': advice looks at samples in memory"],
    [['--freeze', 'trunk'], "unknown option '--freeze'"],
    [
      ['--strategies', 'frozen,tlm'],
      "option '--strategies' names 'tlm'; advice tries frozen, lora, finetuned, scratch",
    ],
    [['--budget', '0'], "'--budget'"],
  ])('refuses %j', async (flags, said) => {
    const data = ['--model', path('encoder'), '--train', path('train.jsonl'), '--output', path('refused')];
    const { code, stderr } = await ortune(['advise', ...data, ...flags]);
    expect(stderr).toContain(said);
    expect(code).toBe(2);
  });
});
