// Runs the built command as its users do, and writes what it works on.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/wordpiece.js';

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

const words = {
  spam: ['win', 'prize', 'cash', 'free', 'offer', 'click'],
  ham: ['meeting', 'patch', 'kernel', 'list', 'report', 'thanks'],
};

/** A temporary directory with separable texts as train.jsonl and test.csv, and a small untrained encoder. */
export function smallProblem() {
  const directory = mkdtempSync(join(tmpdir(), 'ortune-cli-'));
  const path = (name: string) => join(directory, name);
  const write = (name: string, text: string): string => {
    writeFileSync(path(name), text);
    return path(name);
  };
  const texts = Array.from({ length: 64 }, (_, i) => {
    const label = i % 2 === 0 ? 'spam' : 'ham';
    const pick = (k: number) => words[label][(i * 7 + k * 3) % 6];
    return { label, text: `${pick(i)} ${pick(i + 1)} the ${pick(i + 3)}` };
  });
  const lines = texts.map((t) => JSON.stringify(t));
  write('train.jsonl', `${lines.join('\n')}\n`);
  write(
    'test.csv',
    `text,label\n${texts
      .slice(0, 20)
      .map((t) => `${t.text},${t.label}`)
      .join('\n')}\n`,
  );
  const tokenizer = buildWordPiece(
    texts.map((t) => t.text),
    { minFrequency: 1, maxLength: 32 },
  );
  writeEncoder(path('encoder'), { layers: 1, hidden: 32, heads: 2, positions: 32, labels: ['ham', 'spam'], tokenizer });
  return { directory, path, write, lines, remove: () => rmSync(directory, { recursive: true }) };
}
