import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sameCommand } from '#ortune/cli/resume-command.js';
import { ortune } from '../support/command.js';
import { smallProblem } from '../support/small-problem.js';

const problem = smallProblem();
const { path, write } = problem;

const file = write(
  'compare.yaml',
  `model: ${path('encoder')}\ntrain: ${path('train.jsonl')}\nevalSplit: 0.25\nmaxSteps: 4\nevalSteps: 2\nbatchSize: 8\n` +
    'learningRate: 0.001\nthreads: 1\nstrategies: [frozen, scratch]\noverrides:\n  frozen: { learningRate: 0.01 }\n',
);

describe('ortune compare', () => {
  it('prints the table, and with --json one object, without running anything twice', async () => {
    const args = ['compare', file, '--output', path('out'), '--seeds', '2'];
    const first = await ortune(args);
    expect(first.code).toBe(0);
    const text = first.stdout.split('\n');
    expect(text[0]).toMatch(/^strategy +accuracy +range +trained +parameters +seconds +steps +FLOPs +to scratch's$/);
    expect(text[1]).toMatch(/^frozen +0\.\d{4} ± 0\.\d{4} +0\.\d{4} to 0\.\d{4} +66 /);
    expect(text[2]).toMatch(/^scratch +0\.\d{4} ± /);
    expect(first.stderr).toContain('run 3 of 4: frozen, seed 1\n');
    expect(first.stderr).toMatch(/^step 4\/4 \| loss /m);
    expect(first.stderr).toMatch(/^scratch, seed 1: accuracy 0\.\d{4}, in 0:0\d$/m);
    // A note that every run has is said once.
    expect(first.stderr.match(/training texts repeat an earlier one/g)).toHaveLength(1);

    const again = await ortune([...args, '--json']);
    expect(again.code).toBe(0);
    expect(again.stderr).toMatch(/^frozen, seed 0: accuracy 0\.\d{4}, had been run$/m);
    expect(again.stderr).not.toContain('run 1 of 4');
    expect(again.stderr).toContain(text[1]);
    expect(again.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(again.json).toMatchObject({ metric: 'accuracy', output: path('out'), interrupted: false });
    expect(again.json.strategies.map((s: { name: string }) => s.name)).toEqual(['frozen', 'scratch']);
    expect(JSON.parse(readFileSync(path('out/compare.json'), 'utf8'))).toEqual(again.json);
  });

  it('stops at an interrupt with exit code 130, and says how to go on', async () => {
    const args = ['compare', file, '--output', path('long'), '--seeds', '4', '--max-steps', '400', '--overwrite'];
    let sent = false;
    const { code, json, stderr } = await ortune([...args, '--json'], {
      onStderr: (text, kill) => {
        if (sent || !/^step \d/m.test(text)) return;
        sent = true;
        kill('SIGINT');
      },
    });
    expect(code).toBe(130);
    expect(json).toEqual({ metric: 'accuracy', strategies: [], output: path('long'), interrupted: true });
    const command = ['compare', file, '--output', path('long'), '--seeds', '4', '--max-steps', '400', '--json'].join(
      ' ',
    );
    expect(stderr).toContain(`go on with: ortune ${command}\n`);
    const rest = await ortune([...args.slice(0, -1), '--seeds', '1', '--json']);
    expect(rest.stderr).toMatch(/^resumed after step \d+ from .*long\/frozen-seed0\/checkpoints\/step-\d+$/m);
    expect(rest).toMatchObject({ code: 0, json: { interrupted: false, strategies: [{ steps: 400 }, { steps: 400 }] } });
  });

  it('takes seeds as a number of them or with commas, and prints the configuration', async () => {
    const printed = async (...more: string[]) =>
      parse((await ortune(['compare', file, '--output', 'o', '--print-config', ...more])).stdout);
    expect(await printed()).toMatchObject({ strategies: ['frozen', 'scratch'], seeds: 3, maxSteps: 4 });
    const flags = ['--strategies', 'frozen,untouched', '--strategies', 'first:2', '--seeds', '4,8'];
    expect(await printed(...flags, '--overrides', '{"first:2": {learningRate: 2e-3}}')).toMatchObject({
      strategies: ['frozen', 'untouched', 'first:2'],
      seeds: [4, 8],
      overrides: { 'first:2': { learningRate: 0.002 } },
    });
    expect(await printed('--seeds', '7', '--seed', '3')).toMatchObject({ seeds: 7, seed: 3 });
  });

  it.each<[string[], string]>([
    [
      ['--strategies', 'finetune'],
      "unknown strategy 'finetune'; did you mean 'finetuned'? There are untouched, frozen,",
    ],
    [
      ['--seeds', 'many'],
      'option \'--seeds\' must be a number of seeds from 1 to 1000, or a list of seeds, found "many"',
    ],
    [['--freeze', 'trunk'], "unknown option '--freeze'"],
    [['--overrides', '{frozen: {lr: 1}}'], "unknown option '--overrides.frozen.lr'; did you mean"],
  ])('answers %j with exit code 2 and a message', async (args, message) => {
    const { code, stderr, stdout } = await ortune(['compare', file, '--output', path('none'), ...args]);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('needs data to compare on', async () => {
    const args = ['--model', path('encoder'), '--train', path('train.jsonl'), '--output', path('none')];
    const { code, json } = await ortune(['compare', ...args, '--json']);
    expect(code).toBe(2);
    expect(json.error.message).toBe(
      "nothing to compare the strategies on: give '--test', or '--eval', or '--eval-split' for a share of the training data",
    );
  });
});

describe('sameCommand', () => {
  it.each<[string[], boolean, string]>([
    [['compare', 'c.yaml', '--overwrite', '--json'], false, 'ortune compare c.yaml --json'],
    [['compare', 'c.yaml'], true, 'ortune compare c.yaml --no-overwrite'],
    [['compare', 'c.yaml', '--no-overwrite'], true, 'ortune compare c.yaml --no-overwrite'],
  ])('goes on after %j (overwrite in the file: %s)', (args, overwrite, command) => {
    expect(sameCommand(args, overwrite)).toBe(command);
  });
});
