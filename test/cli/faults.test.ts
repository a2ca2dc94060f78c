// What can happen to a run from outside: signals, numbers that overflow, a full disk. Each ends with one message and
// its exit code, and leaves everything written earlier as it was.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Ended, ortune } from '../support/command.js';
import { smallProblem } from '../support/small-problem.js';
import { hashOf } from '../support/train.js';

const { path, write, lines } = smallProblem();

let runs = 0;
const args = (output: string, ...more: string[]): string[] => [
  ...['train', '--model', path('encoder'), '--output', output],
  ...(more.includes('--train') ? [] : ['--train', path('train.jsonl')]),
  ...['--batch-size', '8', '--learning-rate', '0.001', '--threads', '2', '--json', ...more],
];
const newOutput = (): string => path(`run${runs++}`);
const checkpoints = (output: string): string[] => readdirSync(`${output}/checkpoints`).sort();
const bits = (output: string): string => hashOf(readFileSync(`${output}/model/onnx/model.onnx`));

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s finishes the step, writes a checkpoint and exits with 130',
    async (signal) => {
      const output = newOutput();
      let sent = false;
      const onStderr = (text: string, kill: (signal: NodeJS.Signals) => void) => {
        if (!sent && text.includes('step ')) kill(signal);
        sent ||= text.includes('step ');
      };
      const ended = await ortune(args(output, '--epochs', '40'), { onStderr });
      expect(ended.code).toBe(130);
      expect(ended.json).toMatchObject({
        interrupted: true,
        checkpoint: `${output}/checkpoints/step-${ended.json.steps}`,
      });
      expect(ended.json.steps).toBeLessThan(320);
      expect(checkpoints(output)).toContain(`step-${ended.json.steps}`);
      expect(ended.stderr).toMatch(/--resume/);
      const resumed = await ortune(args(output, '--epochs', '40', '--resume'));
      expect(resumed.code).toBe(0);
      expect(resumed.json.steps).toBe(320);
      const whole = newOutput();
      await ortune(args(whole, '--epochs', '40'));
      expect(bits(output)).toBe(bits(whole));
    },
  );

  it('a second one ends the run at once', async () => {
    const output = newOutput();
    const onStderr = (text: string, kill: (signal: NodeJS.Signals) => void) => {
      if (text.includes('step ')) kill('SIGINT');
    };
    const ended = await ortune(args(output, '--epochs', '4000'), {
      onStderr: (text, kill) => {
        onStderr(text, kill);
        if (text.includes('interrupted')) kill('SIGINT');
      },
    });
    expect(ended.code).toBe(130);
    expect(ended.stdout).toBe('');
  });
});

describe('numbers that are not finite', () => {
  // A weight that no float32 holds makes the loss of its batch NaN.
  const data = () => {
    const rows = lines.map((line, i) => ({ ...JSON.parse(line), weight: i === 20 ? 1e300 : 1 }));
    return write('weights.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
  };
  const weighted = (output: string, ...more: string[]) =>
    args(
      output,
      '--train',
      data(),
      '--weight-column',
      'weight',
      '--sampling',
      'sequential',
      '--no-group-by-length',
      ...more,
    );

  it('stop the run with the step, the samples and the last good checkpoint', async () => {
    const output = newOutput();
    const ended = await ortune(weighted(output, '--save-steps', '1'));
    expect(ended.code).toBe(1);
    expect(ended.json.error.message).toMatch(/^step 3, epoch 1: the loss \((NaN|Infinity)\) is not finite/);
    expect(ended.json.error.message).toMatch(
      /'sample_weights' of \S+weights\.jsonl:21 holds Infinity: correct that sample/,
    );
    expect(ended.json.error.message).toMatch(/The last good checkpoint is .*step-2; --resume goes on from it/);
    expect(checkpoints(output)).toEqual(['step-1', 'step-2']);
    expect(existsSync(`${output}/model`)).toBe(false);
  });

  it('are left out when told to, a bounded number of times', async () => {
    const skipping = await ortune(weighted(newOutput(), '--non-finite', 'skip', '--epochs', '2'));
    expect(skipping.code).toBe(0);
    expect(skipping.json).toMatchObject({ steps: 16, skipped: 2 });
    expect(skipping.stderr).toMatch(/step 3.*not finite/);
    const bounded = await ortune(
      weighted(newOutput(), '--non-finite', 'skip', '--max-bad-steps', '2', '--epochs', '4'),
    );
    expect(bounded.code).toBe(1);
    expect(bounded.json.error.message).toMatch(/^step 19, epoch 3: .*2 such steps have been left out already/);
  });
});

describe('a full disk', () => {
  /** The command where no file may be larger than so many KiB; writing beyond fails, as on a full disk. */
  function limited(kilobytes: number, ...all: string[]): Promise<Ended> {
    const script = `ulimit -f ${kilobytes} && exec "$0" "$@"`;
    const child = spawn('bash', ['-c', script, process.execPath, 'dist/cli/main.js', ...all]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    return new Promise((done) => {
      child.on('close', (code) => done({ code, stdout, stderr, json: JSON.parse(stdout) }));
    });
  }

  it('stops the run at a checkpoint; the earlier ones and the model stay', async () => {
    const output = newOutput();
    await ortune(args(output, '--epochs', '1', '--save-steps', '4'));
    const before = [...checkpoints(output).map((name) => `${name}/model.safetensors`)].map((name) =>
      hashOf(readFileSync(`${output}/checkpoints/${name}`)),
    );
    const ended = await limited(
      64,
      ...args(output, '--epochs', '2', '--save-steps', '4', '--resume', '--allow-changes'),
    );
    expect(ended.code).toBe(1);
    expect(ended.json.error.message).toMatch(/step-12.*(EFBIG|too large)/s);
    expect(ended.json.error.message).toMatch(/step-8/);
    expect(checkpoints(output)).toEqual(['step-4', 'step-8']);
    const after = checkpoints(output).map((name) =>
      hashOf(readFileSync(`${output}/checkpoints/${name}/model.safetensors`)),
    );
    expect(after).toEqual(before);
    const resumed = await ortune(args(output, '--epochs', '2', '--save-steps', '4', '--resume', '--allow-changes'));
    expect(resumed.json.steps).toBe(16);
  });

  it('stops the run at the metrics', async () => {
    const output = newOutput();
    const ended = await limited(8, ...args(output, '--save-strategy', 'no', '--epochs', '400'));
    expect(ended.code).toBe(1);
    expect(ended.json.error.message).toMatch(/cannot be written: .*(EFBIG|too large)/);
    expect(ended.json.error.message).toMatch(/No checkpoint has been written yet/);
  });
});
