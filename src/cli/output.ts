// Standard output and standard error as a process may find them: closed by a reader that has seen enough, on a disk
// that is full, of a terminal that is gone, or never read. None of this ends the work of a command: what cannot be said
// is left unsaid, and only a result that cannot be printed is a failure, of the printing alone. The work's own process
// is guarded, never that of a host program.

import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { printable } from '../quote.js';
import { clearScreen, lineFor } from '../report/screen.js';
import { addon } from '../runtime/native.js';

/** Of standard error, in bytes: text for a reader that does not read is dropped beyond. */
const mostWaiting = 1 << 20;
/** How long the end of the process waits for a reader of standard error that does not read. */
const lastWordsMs = 2000;

type Done = (error?: Error | null) => void;
type Guarded = NodeJS.WriteStream & { _handle?: { setBlocking?: (blocking: boolean) => void } };

/** Of the three standard streams those that are terminals in the beginning. */
const terminals = [0, 1, 2].filter((fd) => isatty(fd));
const failures = new Map<Guarded, Error>();

/** Keeps errors of the two streams from ending the process; called once, before anything is written. */
export function guardOutput(): void {
  guard(process.stdout);
  guard(process.stderr);
}

function guard(stream: Guarded): void {
  // A terminal that nobody reads (a lost connection, Ctrl-S) would hold up the loop with every line.
  if (stream.isTTY) stream._handle?.setBlocking?.(false);
  const fail = (error: Error): void => {
    if (!failures.has(stream)) failures.set(stream, error);
  };
  stream.on('error', fail);
  const write = stream.write.bind(stream) as (text: string | Uint8Array, ...rest: unknown[]) => boolean;
  stream.write = (text: string | Uint8Array, ...rest: unknown[]): boolean => {
    const done = rest.find((argument): argument is Done => typeof argument === 'function');
    const failure = failures.get(stream);
    if (failure || (stream === process.stderr && stream.writableLength > mostWaiting)) {
      process.nextTick(() => done?.(failure));
      return true;
    }
    try {
      return write(text, ...rest);
    } catch (error) {
      // Files and devices are written at once, and throw.
      fail(error as Error);
      process.nextTick(() => done?.(error as Error));
      return true;
    }
  };
}

let quiet = false;

/** From now on nothing is said but results and what went wrong. */
export function beQuiet(): void {
  quiet = true;
}

/** Where progress goes: standard error, or with --quiet nowhere. */
export const progressStream = (): NodeJS.WriteStream =>
  quiet ? (new Writable({ write: (_, __, done) => done() }) as NodeJS.WriteStream) : process.stderr;

/** A line for people. */
export function say(text: string): void {
  if (!quiet) complain(text);
}

/** A line of what went wrong, which --quiet does not keep back. */
export function complain(text: string): void {
  clearScreen();
  process.stderr.write(lineFor(process.stderr, text));
}

/**
 * A line on stdout, or '' for what was written before; settles when it is out. Whether it went well: a reader that has
 * seen enough (ortune predict … | head) is no failure, anything else is said.
 */
export async function write(line: string): Promise<boolean> {
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((done) =>
    process.stdout.write(line && `${printable(line)}\n`, done),
  );
  if (!error || error.code === 'EPIPE') return true;
  complain(`ortune: the result cannot be written to standard output (${error.message})`);
  return false;
}

/** Ends the process, with this code also where its terminal is gone. */
export function exit(code: number): never {
  clearScreen();
  if (terminals.some((fd) => !isatty(fd))) {
    // Node would abort when it puts back the terminal's settings.
    process.emit('exit', code);
    addon().leave?.(code);
  }
  process.exit(code);
}

/** Ends the process when what was said is out, or nobody takes it. */
export async function end(code: number): Promise<never> {
  const { stderr } = process;
  for (let waiting = stderr.writableLength, until = Date.now() + lastWordsMs; waiting > 0 && Date.now() < until; ) {
    await new Promise((again) => setTimeout(again, 10));
    if (stderr.writableLength < waiting) until = Date.now() + lastWordsMs;
    waiting = stderr.writableLength;
  }
  exit(code);
}
