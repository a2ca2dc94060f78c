// Runs a script of test/runtime/children in a process of its own: what depends on who loaded the runtime first, on how
// a process ends, or on its memory, cannot be seen from inside the test runner.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export function runChild(script: string, args: readonly string[] = []): Promise<Ended> {
  const file = fileURLToPath(new URL(`../runtime/children/${script}`, import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
}

/** The last line of its standard output as JSON; throws with everything it printed when it failed. */
export async function childResult<T>(script: string, args: readonly string[] = []): Promise<T> {
  const ended = await runChild(script, args);
  if (ended.code !== 0)
    throw new Error(`${script} ended with ${ended.signal ?? ended.code}:\n${ended.stdout}\n${ended.stderr}`);
  return JSON.parse(ended.stdout.trim().split('\n').at(-1)!) as T;
}
