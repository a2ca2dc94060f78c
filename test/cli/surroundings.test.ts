// Where a command runs: output that nobody reads or that cannot be written, signals from the first moment on, other
// runs in the same place.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ortune } from '../support/command.js';
import { itWhere, noFullDevice } from '../support/describe-where.js';
import { smallProblem } from '../support/small-problem.js';

const { path } = smallProblem();
let runs = 0;
const newOutput = (): string => path(`run${runs++}`);
const args = (output: string, ...more: string[]): string[] => [
  ...['dist/cli/main.js', 'train', '--model', path('encoder'), '--output', output, '--train', path('train.jsonl')],
  ...['--batch-size', '8', '--threads', '1', ...more],
];
const trained = (output: string): boolean => existsSync(`${output}/model/onnx/model.onnx`);
type Stdio = 'pipe' | 'ignore' | number;

/** The exit code, and what was read of stderr. */
async function ended(all: string[], stdout: Stdio, stderr: Stdio, began?: (child: ReturnType<typeof spawn>) => void) {
  const child = spawn(process.execPath, all, { stdio: ['ignore', stdout, stderr] });
  let text = '';
  child.stderr?.on('data', (chunk) => {
    text += chunk;
  });
  began?.(child);
  const [code] = await once(child, 'exit');
  return { code, text };
}

describe('a run goes on', () => {
  const all = (output: string) => args(output, '--epochs', '1', '--eval', path('test.csv'));

  it.each(['stderr', 'stdout'] as const)('when the reader of %s goes away', async (name) => {
    const output = newOutput();
    const { code } = await ended([...all(output), '--json'], 'pipe', 'pipe', (child) => child[name]!.destroy());
    expect([code, trained(output)]).toEqual([0, true]);
  });

  itWhere(noFullDevice, 'when its log is on a full disk', async () => {
    const output = newOutput();
    const { code } = await ended(all(output), 'ignore', openSync('/dev/full', 'w'));
    expect([code, trained(output)]).toEqual([0, true]);
  });

  it('when stderr can only be read, or is closed from the beginning', async () => {
    const [reading, closed] = [newOutput(), newOutput()];
    const { code } = await ended(all(reading), 'ignore', openSync('package.json', 'r'));
    expect([code, trained(reading)]).toEqual([0, true]);
    const { status } = spawnSync('sh', ['-c', 'exec "$0" "$@" 2>&- >&-', process.execPath, ...all(closed)]);
    expect([status, trained(closed)]).toEqual([0, true]);
  });

  it('when nobody reads what it says: the rest is dropped', async () => {
    const script = `const { guardOutput, say, end } = await import('#ortune/cli/output.js');
      guardOutput(); for (let i = 0; i < 40; i++) say('x'.repeat(1e6)); console.log('through'); await end(3)`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.pause();
    const [said] = await once(child.stdout, 'data');
    expect(`${said}`).toBe('through\n');
    // A reader that is paused holds the pipe; the exit does not wait for it for long.
    expect((await once(child, 'exit'))[0]).toBe(3);
  });
});

describe('a result that cannot be printed', () => {
  for (const what of ['train', 'inspect', 'help', 'error'])
    itWhere(noFullDevice, `fails by name, without a stack: ${what}`, async () => {
      const output = newOutput();
      const all = {
        train: args(output, '--max-steps', '1', '--json'),
        inspect: ['dist/cli/main.js', 'inspect', path('encoder')],
        help: ['dist/cli/main.js', '--help'],
        error: ['dist/cli/main.js', 'inspect', path('nothing'), '--json'],
      }[what]!;
      const { code, text } = await ended(all, openSync('/dev/full', 'w'), 'pipe');
      expect(code).toBe(1);
      expect(text).toContain('ortune: the result cannot be written to standard output (ENOSPC');
      expect(text).not.toMatch(/\n +at |fault of ortune/);
      if (what === 'train') expect(trained(output)).toBe(true);
    });

  it('because its reader has seen enough is no failure', () => {
    const script = 'set -o pipefail; "$0" dist/cli/main.js predict "$1" --json < "$2" | head -c 1';
    const texts = path('train.jsonl');
    const { status, stderr } = spawnSync('bash', ['-c', script, process.execPath, path('encoder'), texts]);
    expect([status, `${stderr}`]).toEqual([0, '']);
  });
});

describe('a signal', () => {
  it.each(['SIGHUP', 'SIGTERM', 'SIGINT'] as const)('%s before anything has begun ends with 130', async (signal) => {
    // The first lines of the command have run, and the rest is not loaded yet.
    const send = `const up=()=>process.listenerCount('SIGHUP')?process.kill(process.pid,'${signal}'):setImmediate(up);up()`;
    const output = newOutput();
    const all = ['--import', `data:text/javascript,${encodeURIComponent(send)}`, ...args(output)];
    const child = spawn(process.execPath, all, { stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([130, null]);
    expect(existsSync(output)).toBe(false);
  });

  it('SIGHUP, sent twice as by a terminal that closes, writes a checkpoint and exits with 130', async () => {
    const output = newOutput();
    let hung = false;
    const { code } = await ended(args(output, '--epochs', '400'), 'ignore', 'pipe', (child) =>
      child.stderr!.on('data', (text) => {
        if (hung || !`${text}`.includes('step ')) return;
        hung = true;
        child.kill('SIGHUP');
        setTimeout(() => child.kill('SIGHUP'), 1);
      }),
    );
    expect(code).toBe(130);
    expect(readdirSync(`${output}/checkpoints`)).toHaveLength(1);
    expect(trained(output)).toBe(true);
  });

  it('SIGHUP does not end what nohup started', async () => {
    const output = newOutput();
    // bash and zsh say so.
    const env = { ...process.env, _: '/usr/bin/nohup' };
    const child = spawn(process.execPath, args(output, '--epochs', '2'), { env, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.once('data', () => child.kill('SIGHUP'));
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(trained(output)).toBe(true);
  });
});

describe('one place', () => {
  const started = (output: string, ...more: string[]) => ortune([...args(output, ...more).slice(1), '--json']);

  it('takes one run of three that start at once, and the others are refused by name', async () => {
    const output = newOutput();
    const all = await Promise.all([
      started(output, '--epochs', '30', '--seed', '1'),
      started(output, '--epochs', '30', '--seed', '2', '--overwrite'),
      started(output, '--epochs', '30', '--seed', '3', '--tensorboard'),
    ]);
    expect(all.map(({ code }) => code).sort()).toEqual([0, 2, 2]);
    for (const { code, json } of all)
      if (code === 2) expect(json.error.message).toMatch(/^output .* is in use by process \d+ on .* since \d{4}-/);
    const winner = all.findIndex(({ code }) => code === 0);
    expect(JSON.parse(readFileSync(`${output}/config.json`, 'utf8')).seed).toBe(winner + 1);
    const steps = readFileSync(`${output}/metrics.jsonl`, 'utf8').match(/"event":"step"/g);
    expect(steps).toHaveLength(240);
    expect(readdirSync(output)).not.toContain('.lock');
  });

  it('is free again as soon as the run in it has been killed, for a new one and for going on', async () => {
    const output = newOutput();
    const child = spawn(process.execPath, args(output, '--epochs', '400', '--save-steps', '1'), {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    for await (const text of child.stderr) if (`${text}`.includes('checkpoint ')) break;
    const refused = await started(output, '--epochs', '400', '--resume');
    expect([refused.code, refused.json.error.message]).toEqual([2, expect.stringContaining(`process ${child.pid} on`)]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const resumed = await started(output, '--max-steps', '3', '--overwrite');
    expect([resumed.code, resumed.json.steps]).toEqual([0, 3]);
  });

  it('takes one comparison, and none where one of its runs is a run of its own', async () => {
    const output = newOutput();
    const compare = ['compare', '--model', path('encoder'), '--train', path('train.jsonl'), '--eval', path('test.csv')];
    const options = [
      '--epochs',
      '1',
      '--threads',
      '1',
      '--seeds',
      '1',
      '--strategies',
      'finetuned',
      '--output',
      output,
    ];
    const all = await Promise.all([ortune([...compare, ...options]), ortune([...compare, ...options])]);
    expect(all.map(({ code }) => code).sort()).toEqual([0, 2]);
    expect(all.find(({ code }) => code === 2)!.stderr).toMatch(/is in use by process/);
  });
});
