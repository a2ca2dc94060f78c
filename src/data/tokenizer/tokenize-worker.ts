// The thread behind TextTokenizer: one task at a time, whose answer is there before its caller wakes.

import { workerData } from 'node:worker_threads';
import type { TokenizeTask, TokenizeWorkerData } from '../tokenize.js';
import { factsOf, maskFactsOf } from './protocol.js';
import { RustTokenizer } from './rust.js';

const { contents, maxLength, port, answers } = workerData as TokenizeWorkerData;
const count = new Int32Array(answers);
let tokenizer: RustTokenizer;

async function answer(task: TokenizeTask): Promise<unknown> {
  if (task.kind === 'text') return tokenizer.encode(task.text, task.pair);
  if (task.kind === 'words') return tokenizer.encodeWords(task.words);
  if (task.kind === 'mask') return maskFactsOf(tokenizer.maskVocabulary(task.wholeWords));
  tokenizer = new RustTokenizer(contents, maxLength);
  return factsOf(tokenizer);
}

port.on('message', async (task: TokenizeTask) => {
  try {
    port.postMessage({ value: await answer(task) });
  } catch (error) {
    port.postMessage({ error: (error as Error).message });
  }
  Atomics.add(count, 0, 1);
  Atomics.notify(count, 0);
});
