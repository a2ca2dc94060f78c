// Programs that use ortune as it is installed, each in a process of its own: what they find, load and start is not what
// this test runner would.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeWhere } from '../support/describe-where.js';
import { installPrograms, type Printed, runNode } from '../support/installed.js';
import { smallProblem } from '../support/small-problem.js';

let programs: string;
let env: NodeJS.ProcessEnv;

beforeAll(() => {
  programs = installPrograms(['onnxruntime-node', 'jest', '@jest/globals', 'vitest', 'esbuild']);
  env = { MODEL: smallProblem().path('encoder') };
});

const run = (folder: string, ...args: string[]): Promise<Printed> => runNode(args, join(programs, folder), env);

/** What a program printed last. */
function resultOf({ code, stdout, stderr }: Printed) {
  expect(code, stderr).toBe(0);
  // No warning either: of Node's, or of what was left open.
  expect(stderr).toBe('');
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

function expectTrained(printed: Printed): void {
  const { losses, trained, measured, label } = resultOf(printed);
  expect(losses).toHaveLength(3);
  expect(measured).toBeCloseTo(trained, 6);
  expect(['ham', 'spam']).toContain(label);
}

describe('test runners', () => {
  it('Jest, with ES modules, one file after the other in one process', async () => {
    const jest = join(programs, 'node_modules/jest/bin/jest.js');
    const { code, stderr } = await run('jest', '--experimental-vm-modules', jest, '--runInBand');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('3 passed');
    expect(stderr).not.toContain('did not exit');
  });

  it("vitest's pools", async () => {
    const vitest = join(programs, 'node_modules/vitest/vitest.mjs');
    const { code, stdout, stderr } = await run('vitest', vitest, 'run', '--reporter', 'verbose');
    expect(code, stdout + stderr).toBe(0);
    for (const pool of ['forks', 'threads', 'vmForks', 'vmThreads']) expect(stdout).toMatch(new RegExp(`✓ .*${pool}`));
  });
});

describe('threads', () => {
  it('a worker of a worker', async () => expectTrained(await run('workers', 'nested.mjs')));

  it("a process whose globals are a browser's", async () => expectTrained(await run('workers', 'browser-like.mjs')));
});

// What stands in for Electron's executable is a script of a shell.
describeWhere(process.platform === 'win32' ? 'there is no shell' : undefined, 'a process of Electron', () => {
  it('starts its processes as Node', async () => {
    const application = join(programs, 'application');
    const opens = '[ "$ELECTRON_RUN_AS_NODE" = 1 ] || { echo "a window opens" >&2; exit 9; }';
    writeFileSync(application, `#!/bin/sh\n${opens}\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 });
    const args = ['--import', './electron-like.mjs', 'plain.mjs'];
    expectTrained(await runNode(args, join(programs, 'workers'), { ...env, APPLICATION: application }));
  });
});

describe('a program that goes on', () => {
  it('has two runs at once that know nothing of each other, and nothing left of them', async () => {
    const { alone, one, two, interrupted, fresh, before, after, unhandled, warnings } = resultOf(
      await run('lifetime', 'main.mjs'),
    );
    expect(alone).toHaveLength(4);
    expect(one).toEqual(alone);
    expect(two).not.toEqual(alone);
    expect(interrupted).toBe(true);
    expect(after.listeners).toEqual(before.listeners);
    expect(after.resources).toBeLessThanOrEqual(before.resources);
    // The addon's alone, for as long as the process lasts: a run under way must end before the runtime's library does.
    expect(after.listeners).toEqual({ ...fresh, exit: fresh.exit + 1 });
    expect([...unhandled, ...warnings]).toEqual([]);
  });
});

describe('CommonJS', () => {
  it('imports it', async () => expectTrained(await run('commonjs', 'imported.cjs')));

  it('requires it, where Node requires ES modules', async () => {
    const printed = await run('commonjs', 'required.cjs');
    const requires = (process.features as { require_module?: boolean }).require_module === true;
    if (requires) expect(resultOf(printed)).toEqual({ isOurs: true, isError: true });
    else expect(printed.stderr).toContain('ERR_REQUIRE_ESM');
  });
});

describe('esbuild', () => {
  const bundled = (name: string, format: 'esm' | 'cjs', external: string[] = []) =>
    build({
      entryPoints: [join(programs, 'bundled/main.mjs')],
      outfile: join(programs, 'bundled', name),
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
      format,
      external,
    });

  it('leaves it out of a bundle', async () => {
    await bundled('apart.mjs', 'esm', ['ortune']);
    expectTrained(await run('bundled', 'apart.mjs'));
  });

  it.each(['esm', 'cjs'] as const)('a bundle of %s that it is part of says what to set', async (format) => {
    const name = format === 'esm' ? 'whole.mjs' : 'whole.cjs';
    await bundled(name, format);
    const { code, stderr } = await run('bundled', name);
    expect(code).toBe(1);
    expect(stderr).toContain("external: ['ortune']");
  });
});
