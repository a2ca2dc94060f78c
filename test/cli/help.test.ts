import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { listOptions } from '#ortune/config/options.js';
import { trainSchema } from '#ortune/config/train-schema.js';
import { wantsColour } from '#ortune/environment.js';
import { ortune } from '../support/command.js';
import { temporaryDirectory } from '../support/temporary.js';

const headings = (help: string): string[] => help.split('\n').filter((line) => /^\S.*:$/.test(line));

describe('help', () => {
  it('lists every option once under headings, the ten that matter first', async () => {
    const { stdout } = await ortune(['train', '--help']);
    expect(headings(stdout)).toEqual([
      'Arguments:',
      'Most used:',
      'Data:',
      'Columns, labels and lengths:',
      'Steps, rates and losses:',
      'Evaluation, checkpoints and resuming:',
      'The model: what is kept, trained and added:',
      ...headings(stdout).filter((line) => line.startsWith('Task ')),
      'Reading files:',
      'Machine:',
      'General:',
    ]);
    const first = stdout.slice(stdout.indexOf('Most used:'), stdout.indexOf('Data:'));
    expect(first.match(/^ {2}--/gm)).toHaveLength(10);
    for (const { flag } of listOptions(trainSchema))
      expect(stdout.match(new RegExp(`^  ${flag}[ \n]`, 'gm')), flag).toHaveLength(1);
  });

  it.each([['--learning-rate'], ['learningRate'], ['lr'], ['learningrat']])(
    'says all about one option, named %s',
    async (name) => {
      const { code, stdout } = await ortune(['help', 'train', name]);
      expect(code).toBe(0);
      expect(stdout).toContain('ortune train --learning-rate <N>\n');
      expect(stdout).toMatch(/takes +a number above 0\n/);
      expect(stdout).toMatch(/in a file +learningRate: /);
      expect(stdout).toMatch(/elsewhere +lr\n/);
    },
  );

  it.each([
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{}, false, false],
  ])('has colours by %j, where the stream is a terminal: %s', (variables, isTTY, coloured) => {
    for (const name of ['NO_COLOR', 'FORCE_COLOR']) vi.stubEnv(name, (variables as NodeJS.ProcessEnv)[name]);
    expect(wantsColour({ isTTY, hasColors: () => true } as NodeJS.WriteStream)).toBe(coloured);
    vi.unstubAllEnvs();
  });

  it('and errors are coloured where that is forced, and plain in a pipe', async () => {
    const forced = { FORCE_COLOR: '1', NO_COLOR: undefined };
    expect((await ortune(['help', 'train'], { env: forced })).stdout).toContain('\x1b[1mMost used:\x1b[22m');
    expect((await ortune(['help', 'trian'], { env: forced })).stderr).toContain('\x1b[31mortune:');
    const plain = { FORCE_COLOR: undefined, NO_COLOR: undefined };
    expect((await ortune(['help', 'trian'], { env: plain })).stderr).toMatch(/^ortune: /);
  });
});

describe('--quiet', () => {
  it('keeps back what is said on the way, not the result and not errors', async () => {
    const told = await ortune(['inspect', 'models/tiny-en', '--quiet']);
    expect(told).toMatchObject({ code: 0, stderr: '' });
    expect(told.stdout).toContain('every operator has a gradient');
    const failed = await ortune(['inspect', 'nowhere.onnx', '--quiet']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/^ortune: /);
  });
});

describe('completion', () => {
  const directory = temporaryDirectory();
  const scripts: Record<string, string> = {};

  beforeAll(async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { stdout } = await ortune(['completion', shell]);
      scripts[shell] = path.join(directory, shell);
      writeFileSync(scripts[shell], stdout);
    }
  });

  const bash = (words: readonly string[]): string[] => {
    const run = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _ortune; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', run, 'bash', scripts.bash!, ...words], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout.trim().split('\n');
  };

  it.each([
    [['ortune', 'tra'], ['train']],
    [['ortune', 'train', '--label-na'], ['--label-names']],
    [
      ['ortune', 'train', '--schedule', 'cos'],
      ['cosine', 'cosine_with_restarts'],
    ],
    [['ortune', '--json', 'bench', '--feed'], ['--feed-forward']],
    [['ortune', 'help', 'emb'], ['embed']],
    [
      ['ortune', 'completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['ortune', 'train', 'run.y'], ['']],
  ])('in bash: %j', (words, expected) => {
    expect(bash(words)).toEqual(expected);
  });

  it('is a script that zsh and fish take, and fish finds flags and values with it', ({ annotate }) => {
    for (const shell of ['zsh', 'fish']) {
      const { status, stderr, error } = spawnSync(shell, ['-n', scripts[shell]!], { encoding: 'utf8' });
      if (error) void annotate(`NOT TESTED: there is no ${shell} here`);
      else expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    }
    const ask = (line: string) =>
      spawnSync('fish', ['-N', '-c', 'source $argv[1]; complete -C $argv[2]', scripts.fish!, line], {
        encoding: 'utf8',
      });
    if (ask('').error) return;
    expect(ask('ortune train --label-na').stdout).toMatch(/^--label-names\t/);
    expect(ask('ortune train --schedule cosine_').stdout).toMatch(/^cosine_with_restarts\t/);
  });
});
