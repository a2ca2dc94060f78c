// The command over real small runs: what it finds in data, and what it refuses.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ortune } from '../support/command.js';
import { digitsFile, digitsNetwork } from '../support/digits.js';
import { smallProblem } from '../support/small-problem.js';

const { path, write, lines } = smallProblem();
const shared = ['--threads', '1', '--budget', '60'];

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
    const { code, stdout, stderr } = await ortune(['advise', ...data, ...shared, '--json']);
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
    expect(advice.features).toMatchObject({ samples: 66, size: 32 });
    expect(advice.sentences.join('\n')).toContain('20 evaluation samples are in the training data too');
    const listed = readFileSync(join(output, 'label-issues.jsonl'), 'utf8');
    expect(
      listed
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    ).toEqual(advice.labelIssues.rows);
    const written = JSON.parse(readFileSync(join(output, 'advice.json'), 'utf8'));
    expect(written.features).toEqual(advice.features);
  });

  it('says of pictures how far the features of a network go', async () => {
    const data = ['--model', digitsNetwork, '--train', digitsFile('train'), '--output', path('digits')];
    const { code, stdout } = await ortune(['advise', ...data, ...shared]);
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
    [['--budget', '0'], "'--budget'"],
  ])('refuses %j', async (flags, said) => {
    const data = ['--model', path('encoder'), '--train', path('train.jsonl'), '--output', path('refused')];
    const { code, stderr } = await ortune(['advise', ...data, ...flags]);
    expect(stderr).toContain(said);
    expect(code).toBe(2);
  });
});
