// Node's options in threads: what a process was started with must not keep its threads from starting.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { threadOptions } from '#ortune/threads/exec-argv.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pool = new URL('dist/threads/worker-pool.js', new URL('../../', import.meta.url)).href;
const answers = new URL('./modules/answers.mjs', import.meta.url).href;

/** Has a pool answer, in whatever kind of script it stands. */
const script = `import(${JSON.stringify(pool)}).then(({ WorkerPool }) => new WorkerPool({ url: new URL(${JSON.stringify(answers)}), role: 'that answers' }).run(1)).then((value) => console.log('value', value), (error) => console.log(error.message))`;
const asModule = `await ${script}`;

function said(args: string[], { input, options = '' }: { input?: string; options?: string } = {}): string {
  const env = { ...process.env, NODE_OPTIONS: options };
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    env,
    input,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return /(value|the thread) .*/.exec(stdout)?.[0] ?? stderr;
}

describe('threads start in a process whose script is', () => {
  test.each<[string, string[], { input?: string; options?: string }?]>([
    ['a text of modules', ['--input-type=module', '-e', asModule]],
    [
      'a text of modules, with options of the process',
      ['--title=x', '--max-old-space-size=300', '--input-type', 'module', '--eval', asModule],
    ],
    ['a text', ['-e', script]],
    ['a text that is printed', ['--input-type=commonjs', '-p', script]],
    ['its standard input', ['--input-type=module', '-'], { input: asModule }],
    [
      'its standard input, said in NODE_OPTIONS',
      ['-'],
      { input: asModule, options: '--input-type=module --max-old-space-size=300' },
    ],
    ['lines of a REPL', ['-i'], { input: `await ${script}\n.exit\n` }],
    [
      'a text with a preload',
      ['--import', 'data:text/javascript,', '--conditions=x', '--input-type=module', '-e', asModule],
    ],
  ])('%s', (_, args, given) => {
    expect(said(args, given)).toMatch(/value 2$/);
  });

  test('without leave for threads, which is told', () => {
    const permission = process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission'
      : '--experimental-permission';
    expect(said([permission, '--allow-fs-read=*', '-e', script])).toMatch(
      /^the thread that answers cannot be started: .*\(Node's permission model does not allow it; add --allow-worker/,
    );
  });
});

describe('a thread', () => {
  test('inherits everything where nothing is in its way', () => {
    expect(
      threadOptions(['--title=x', '--import', 'tsx', '-e', 'code'], { NODE_OPTIONS: '--enable-source-maps' }),
    ).toEqual({});
  });

  test.each<[string[], string[]]>([
    [['--input-type=module', '-e', '--import=x'], []],
    [
      ['--input-type', 'module', '--import', 'tsx', '-r', './a.cjs'],
      ['--import', 'tsx', '-r', './a.cjs'],
    ],
    [['--title', '--import', '--input-type=module', '--loader=x', '--expose-gc'], ['--loader=x']],
    [
      ['--conditions=a', '-C', 'b', '--no-warnings', '--input-type=commonjs', '--eval=1'],
      ['--conditions=a', '-C', 'b', '--no-warnings'],
    ],
  ])('of a process with %j is given %j', (execArgv, kept) => {
    expect(threadOptions(execArgv, { PATH: 'p' })).toEqual({ execArgv: kept, env: { PATH: 'p', NODE_OPTIONS: '' } });
  });

  test('has of NODE_OPTIONS what is for it, quoted as it was', () => {
    const NODE_OPTIONS = String.raw`--input-type=module --import "./a b.mjs" --max-old-space-size=300 --require="c \"d\".cjs"`;
    expect(threadOptions([], { NODE_OPTIONS })).toEqual({
      execArgv: [],
      env: { NODE_OPTIONS: String.raw`--import "./a b.mjs" "--require=c \"d\".cjs"` },
    });
  });
});
