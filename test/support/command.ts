// Runs the built command as its users do.

import { spawn } from 'node:child_process';

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  /** The last line of stdout as JSON. */
  json: ReturnType<typeof JSON.parse>;
}

export interface RunOptions {
  input?: string;
  /** Called with everything on stderr so far. */
  onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  /** StepBuffers what the process inherits. */
  env?: NodeJS.ProcessEnv;
}

export function ortune(args: readonly string[], { input = '', onStderr, env }: RunOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], { env: { ...process.env, ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    onStderr?.(stderr, (signal) => child.kill(signal));
  });
  child.stdin.end(input);
  return new Promise((done) => {
    child.on('close', (code) => {
      const last = stdout.trimEnd().split('\n').at(-1) ?? '';
      done({ code, stdout, stderr, json: last.startsWith('{') ? JSON.parse(last) : undefined });
    });
  });
}
