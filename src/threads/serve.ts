// The thread's side of a WorkerPool: answers tasks by functions of its module, by name. What a function throws is the
// answer to its task, and the thread goes on.

import { types } from 'node:util';
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../realm.js';
import { endWhenTold } from './closing.js';
import { readyMessage } from './start-thread.js';

/** A task as it is posted. */
export interface PostedTask {
  name: string;
  task: unknown;
}

export type PostedAnswer = { value: unknown } | { error: unknown };

/** Says that the thread is ready, and answers its tasks, one at a time. */
// biome-ignore lint/suspicious/noExplicitAny: tasks are typed where they are posted
export function serve(functions: Readonly<Record<string, (task: any) => unknown>>): void {
  const port = parentPort!;
  endWhenTold();
  port.on('message', async (posted: PostedTask | string) => {
    if (typeof posted === 'string') return;
    const { name, task } = posted;
    try {
      port.postMessage({ value: await functions[name]!(task) } satisfies PostedAnswer);
    } catch (error) {
      port.postMessage({ error: cloneable(error) } satisfies PostedAnswer);
    }
  });
  port.postMessage(readyMessage);
}

/** Errors are cloned with their message and stack; what cannot be cloned so is told by its text. */
function cloneable(error: unknown): Error {
  // A DOMException, such as postMessage's own, is an Error whose clone is empty.
  if (!types.isNativeError(error)) return new Error(messageOf(error));
  try {
    return structuredClone(error);
  } catch {
    return new Error(error.message);
  }
}
