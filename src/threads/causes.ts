// Why a thread could not be started, or ended with its work: what the system or Node says, in words that say what to
// do.

import { OrtuneError } from '../errors.js';

/** A thread that cannot be started, or that ended with a task it had. */
export class ThreadError extends OrtuneError {
  /** Why, without the thread's name. */
  readonly reason: string;
  /** Whether it had begun its work. */
  readonly started: boolean;
  /** Its memory did not suffice. */
  readonly outOfMemory: boolean;

  private constructor(message: string, state: Pick<ThreadError, 'reason' | 'started' | 'outOfMemory'>) {
    super(message);
    this.reason = state.reason;
    this.started = state.started;
    this.outOfMemory = state.outOfMemory;
  }

  /** @param role 'that reads the data' */
  static atStart(role: string, cause: unknown): ThreadError {
    if (cause instanceof ThreadError) return cause;
    const reason = reasonOf(cause);
    const state = { reason, started: false, outOfMemory: isOutOfMemory(cause) };
    return new ThreadError(`the thread ${role} cannot be started: ${reason}`, state);
  }

  static atWork(role: string, cause: unknown): ThreadError {
    const reason = reasonOf(cause);
    return new ThreadError(`the thread ${role} died: ${reason}`, {
      reason,
      started: true,
      outOfMemory: isOutOfMemory(cause),
    });
  }
}

const isOutOfMemory = (cause: unknown): boolean =>
  (cause as NodeJS.ErrnoException)?.code === 'ERR_WORKER_OUT_OF_MEMORY';

/** By what the message or the code holds; the first that fits. */
const advice: readonly [RegExp, string][] = [
  [/\bE[MN]FILE\b/, 'no file handle is free; close some, or raise the limit (ulimit -n), and call again'],
  [/uv_cwd|ENOENT.*\bcwd\b/, 'the working directory does not exist any more; change to one that does'],
  [/ERR_WORKER_OUT_OF_MEMORY/, "raise the memory of Node's heap (NODE_OPTIONS=--max-old-space-size=MIB)"],
  [
    /\bENOMEM\b|\bEAGAIN\b|ERR_WORKER_INIT_FAILED/,
    'the limit of threads or of memory is reached (ulimit -u, ulimit -v, or the pids and memory limits of the container)',
  ],
  [
    /ERR_ACCESS_DENIED/,
    "Node's permission model does not allow it; add --allow-worker, --allow-addons and --allow-fs-read",
  ],
  [/ERR_DLOPEN_DISABLED/, 'Node was told to load no addons; leave out --no-addons'],
  [
    /ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND|ERR_LOAD_URL/,
    'a file is missing; install ortune again, leave it out of what a bundler bundles, and see that preloads (--require, --import) are found from the working directory',
  ],
];

/** An error's text, what it means, and what to do. */
export function reasonOf(cause: unknown): string {
  if (typeof cause === 'string') return cause;
  const { code, message = String(cause) } = (cause ?? {}) as NodeJS.ErrnoException;
  const text = message.split('\n')[0]!;
  const found = advice.find(([pattern]) => pattern.test(`${code} ${text}`));
  // What a thread behind another says has its advice already.
  return found && !text.includes(found[1]) ? `${text} (${found[1]})` : text;
}
