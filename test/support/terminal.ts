// A command on a terminal of its own, by script(1), and what a person would see there: as much of a terminal as
// progress lines need, which is one line that is written over.

import { spawn, spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';

/** Why there is no terminal here to try; undefined where there is one. */
export const noTerminal: string | undefined =
  process.platform === 'linux' && spawnSync('script', ['--version']).status === 0
    ? undefined
    : 'there is no script(1) of util-linux, which gives a command a terminal';

/** What a terminal is told by, and a sequence that is not all there yet. */
const esc = '\u001b';
const tokens = new RegExp(`${esc}\\[[?\\d;]*[a-zA-Z]|${esc}[78]|[\\s\\S]`, 'gu');
const begun = new RegExp(`${esc}(\\[[?\\d;]*)?$`);

/** What is on the screen after this output. */
export class Screen {
  lines: string[] = [''];
  cursorShown = true;
  wraps = true;
  #column = 0;
  #saved = { rows: 1, column: 0 };

  constructor(output: string) {
    for (const [token] of output.replace(begun, '').matchAll(tokens)) this.#take(token);
  }

  #take(token: string): void {
    const line = this.lines.at(-1)!;
    const become = (text: string): void => void this.lines.splice(-1, 1, text);
    const told = token.startsWith(`${esc}[`) ? token.slice(2) : undefined;
    if (token === `${esc}7`) this.#saved = { rows: this.lines.length, column: this.#column };
    else if (token === `${esc}8`) {
      if (this.#saved.rows !== this.lines.length) throw new Error('the cursor goes back to another line');
      this.#column = this.#saved.column;
    } else if (token === '\n') this.lines.push('');
    else if (token === '\r' || told === '1G') this.#column = 0;
    else if (told === 'K' || told === '0K') become(line.slice(0, this.#column));
    else if (told === '2K') become('');
    else if (told === '?25h' || told === '?25l') this.cursorShown = told.endsWith('h');
    else if (told === '?7h' || told === '?7l') this.wraps = told.endsWith('h');
    else if (told?.endsWith('m')) return;
    else if (token.startsWith(esc)) throw new Error(`the screen does not know ${JSON.stringify(token)}`);
    else {
      become(line.slice(0, this.#column).padEnd(this.#column) + token + line.slice(this.#column + 1));
      this.#column++;
    }
  }
}

export interface OnTerminal {
  code: number | null;
  output: string;
  /** From the start to the first character. */
  firstMs: number;
}

/**
 * Runs the built command on a terminal.
 * @param onOutput called with everything so far; what it returns is typed, '\x03' for Ctrl-C
 */
export function onTerminal(
  args: readonly string[],
  { columns, onOutput }: { columns: number; onOutput?: (output: string) => string | undefined },
): Promise<OnTerminal> {
  const command = ['exec', process.execPath, 'dist/cli/main.js', ...args]
    .map((arg) => `'${arg}'`)
    .join(' ')
    .replace(/^'exec'/, 'exec');
  const startedMs = performance.now();
  const child = spawn('script', ['-qefc', `stty cols ${columns}; ${command}`, '/dev/null'], {
    env: { ...process.env, NO_COLOR: '1', TERM: 'xterm', SHELL: '/bin/sh' },
  });
  let [output, firstMs] = ['', 0];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    firstMs ||= performance.now() - startedMs;
    output += chunk;
    const keys = onOutput?.(output);
    if (keys !== undefined) child.stdin.write(keys);
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, output, firstMs }));
  });
}
