import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ortune } from '../support/command.js';
import { smallProblem } from '../support/small-problem.js';

const { path, write } = smallProblem();

const file = write(
  'search.yaml',
  `model: ${path('encoder')}\ntrain: ${path('train.jsonl')}\neval: ${path('test.csv')}\nmaxSteps: 200\nsaveSteps: 5\n` +
    'batchSize: 8\nthreads: 1\nspace:\n  learningRate: [0.001, 0.01]\n',
);

describe('ortune search', () => {
  it('killed with SIGKILL goes on from the checkpoint of the trial under way, and runs nothing twice', async () => {
    const output = path('out');
    const args = ['search', file, '--output', output];
    const trials = () => readdirSync(output).filter((entry) => entry.startsWith('trial-'));
    const checkpoints = (name: string) =>
      existsSync(`${output}/${name}/checkpoints`) ? readdirSync(`${output}/${name}/checkpoints`) : [];
    const bothBegun = () =>
      trials().filter((name) => checkpoints(name).some((entry) => /^step-\d+$/.test(entry))).length === 2;
    let looking: NodeJS.Timeout | undefined;
    const killed = await ortune(args, {
      onStderr: (text, kill) => {
        if (looking === undefined && text.includes('run 2 of 2'))
          looking = setInterval(() => bothBegun() && kill('SIGKILL'), 5);
      },
    });
    clearInterval(looking);
    expect(killed.code).toBe(null);
    expect(killed.stderr).toMatch(/^run 1 of 2: learningRate 0\.001$/m);
    expect(killed.stderr).toMatch(/^learningRate 0\.001: accuracy \d\.\d{4}, in 0:\d\d$/m);
    const rest = await ortune([...args, '--json']);
    expect(rest.stderr).toMatch(/^learningRate 0\.001: accuracy \d\.\d{4}, had been run$/m);
    expect(rest.stderr).not.toContain('run 1 of 2');
    expect(rest.stderr).toMatch(/^resumed after step \d+ from .*checkpoints\/step-\d+$/m);
    expect(rest.stderr).toMatch(/^trial +learningRate +accuracy +steps +seconds$/m);
    expect(rest).toMatchObject({ code: 0, json: { metric: 'accuracy', interrupted: false, steps: 400 } });
    expect(JSON.parse(readFileSync(`${output}/search.json`, 'utf8'))).toEqual(rest.json);
    // Every step of every trial was recorded once.
    for (const name of trials()) {
      const lines = readFileSync(`${output}/${name}/metrics.jsonl`, 'utf8').trimEnd().split('\n');
      const steps = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'step');
      expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    }
    // The best is a configuration of train.
    const printed = await ortune(['train', `${output}/run.yaml`, '--print-config']);
    expect(printed.code).toBe(0);
    expect(parse(printed.stdout)).toMatchObject({ maxSteps: 200, ...rest.json.best.chosen, output: `${output}/best` });
  });

  it.each<[string[], string]>([
    [
      [write('wrong.yaml', 'space: {learnRate: [1]}')],
      "wrong.yaml: unknown option 'space.learnRate'; did you mean 'space",
    ],
    [[file, '--space', '{batchSize: []}'], "option '--space.batchSize' must be a list of one or more values, or"],
    [[file, '--halving', '3', '--min-steps', '500'], "option '--min-steps' (500) must be at most maxSteps (200)"],
  ])('answers %j with exit code 2 and a message', async (args, message) => {
    const { code, stderr, stdout } = await ortune(['search', ...args, '--output', path('none')]);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});
