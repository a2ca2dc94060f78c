// The process that tokenises. It is one of its own because a tokenizer.json of others may loop for ever or grow without
// end in native code, which no thread can be saved from, and because the Rust tokenizers then run at a low priority and
// without threads that compete with the trainer's. Started by process.ts.

import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { builtFile } from '../../built.js';
import { quote } from '../../quote.js';
import type { ChatTemplate, Conversation } from './chat.js';
import type { WindowSource } from './encoded.js';
import { readTokenizer } from './files.js';
import type { Failed, TextEncoding, TokenizerAnswers, TokenizerRequest } from './protocol.js';
import { factsOf, maskFactsOf, watched } from './protocol.js';
import { RustTokenizer } from './rust.js';

/** For one text; a text of average length takes a hundred-thousandth of it. */
const usual = { seconds: 5, bytes: 2 ** 30 };
/** And for each of its UTF-16 units. */
const perUnit = { seconds: 3e-5, bytes: 400 };

// The first signal of a terminal goes to all of its processes; this one ends with its parent.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
const numbers = new Float64Array(new SharedArrayBuffer(8 * watched.length));
numbers[watched.item] = -1;
const watchdog = new Worker(builtFile('data/tokenizer/watchdog.js'), { workerData: numbers.buffer });
/** Nothing of others' is run before it: it is loaded by the threads that tokenising may then keep busy for ever. */
const watching = new Promise((ready) => watchdog.once('message', ready));
watchdog.unref();

/**
 * Makes all threads give way to the trainer's; those that are started later do so too. Not before the tokenizer is
 * open, which is waited for. Elsewhere than on Linux a priority is one for the process.
 */
function lowerPriority(): void {
  try {
    const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [0];
    for (const thread of threads) setPriority(thread, 10);
  } catch {
    // Not allowed to: the work gets done all the same.
  }
}

let tokenizer: RustTokenizer;
/** Made when it is first asked for. */
let chats: ChatTemplate | undefined;
let encoding: TextEncoding;

/** Does one item of a request under the watchdog's eyes. `size`: of what is read, in UTF-16 units. */
async function bounded<T>(item: number, size: number, work: () => T | Promise<T>): Promise<T> {
  const { most = usual } = encoding;
  const { user, system } = process.cpuUsage();
  numbers[watched.startedCpuSeconds] = (user + system) / 1e6;
  numbers[watched.mostCpuSeconds] = most.seconds + perUnit.seconds * size;
  numbers[watched.mostBytes] = process.memoryUsage.rss() + most.bytes + perUnit.bytes * size;
  numbers[watched.item] = item;
  try {
    return await work();
  } finally {
    numbers[watched.item] = -1;
  }
}

const failed = (error: unknown): Failed => ({ error: (error as Error).message });

const sizeOfSource = (source: WindowSource): number =>
  'words' in source
    ? source.words.reduce((sum, word) => sum + word.length, 0)
    : source.text.length + (source.pair?.length ?? 0);

/** @throws Error for an id that the model's embedding does not have */
function refuseBeyond(ids: readonly number[]): void {
  const { embeddingRows = Number.POSITIVE_INFINITY } = encoding;
  const id = ids.find((one) => one >= embeddingRows);
  if (id !== undefined)
    throw new Error(
      `token ${quote(tokenizer.tokenOf(id))} has the id ${id}, and the model's embedding has ${embeddingRows} rows: ` +
        'take the token out of the text or the tokenizer, or export the model with a larger embedding',
    );
}

/** @param known what is known without the tokenizer's work, which costs less than to watch it */
async function each<I, O extends object>(
  items: readonly I[],
  sizeOf: (item: I) => number,
  work: (item: I) => Promise<O>,
  known: (item: I) => O | undefined = () => undefined,
): Promise<(O | Failed)[]> {
  const found: (O | Failed)[] = [];
  for (const [i, item] of items.entries()) {
    const already = known(item);
    if (already) {
      found.push(already);
      continue;
    }
    try {
      const encoded = await bounded(i, sizeOf(item), () => work(item));
      if ('ids' in encoded) refuseBeyond(encoded.ids as number[]);
      found.push(encoded);
    } catch (error) {
      found.push(failed(error));
    }
  }
  return found;
}

const handlers: {
  [K in keyof TokenizerAnswers]: (
    request: Extract<TokenizerRequest, { kind: K }>,
  ) => Promise<TokenizerAnswers[K]> | TokenizerAnswers[K];
} = {
  async open(request) {
    await watching;
    encoding = request.encoding;
    const contents = readTokenizer(encoding.directory);
    if (encoding.hash !== undefined && contents.hash !== encoding.hash)
      throw new Error('the tokenizer has been changed since the start');
    // A vocabulary may be large.
    tokenizer = await bounded(0, 10_000_000, () => new RustTokenizer(contents, encoding.maxLength, encoding.around));
    if (process.argv.includes('background')) lowerPriority();
    return factsOf(tokenizer);
  },
  texts: ({ texts }) =>
    each(
      texts,
      ([text, pair]) => text.length + pair.length,
      ([text, pair]) => tokenizer.encode(text, pair),
    ),
  words: ({ texts }) =>
    each(
      texts,
      (words) => sizeOfSource({ words }),
      (words) => tokenizer.encodeWords(words),
    ),
  chats({ texts, prompts }) {
    chats ??= tokenizer.chatTemplate(readTokenizer(encoding.directory));
    const template = chats;
    return each(
      texts,
      (text) => text.length,
      async (text) => {
        const chat = JSON.parse(text) as Conversation;
        return prompts ? { text: template.prompt(chat), spoken: [] } : template.render(chat);
      },
    );
  },
  whole: ({ texts, special }) =>
    each(
      texts,
      (text) => text.length,
      (text) => tokenizer.whole(text, special),
    ),
  windows: ({ texts, stride }) =>
    each(texts, sizeOfSource, async ({ window, ...source }) => {
      const all = await tokenizer.windows(source, { stride });
      return { ...all[window ?? 0]!, truncated: window === undefined && all.length > 1 };
    }),
  windowCounts: ({ texts, stride }) =>
    each<WindowSource, { count: number }>(
      texts,
      sizeOfSource,
      async (source) => ({ count: await tokenizer.windowCount(source, { stride }) }),
      (source) => ('words' in source && tokenizer.surelyFits(source.words) ? { count: 1 } : undefined),
    ),
  mask({ wholeWords }) {
    const { embeddingRows = Number.POSITIVE_INFINITY } = encoding;
    const { ordinary, maskId, ...facts } = maskFactsOf(tokenizer.maskVocabulary(wholeWords));
    if (maskId >= embeddingRows)
      throw new Error(
        `it names no mask token, which masking needs, that the model's embedding has: ${quote(tokenizer.tokenOf(maskId))} would be row ${maskId} of ${embeddingRows}`,
      );
    // None is drawn that the model does not have.
    return { ...facts, maskId, ordinary: ordinary.filter((id) => id < embeddingRows) };
  },
  async decode({ rows, withoutSpecial }) {
    const texts: string[] = [];
    for (const [i, ids] of rows.entries())
      texts.push(await bounded(i, ids.length, () => tokenizer.decode(ids, withoutSpecial)));
    return texts;
  },
  async survey({ texts }) {
    const { Surveyor } = await import('./survey.js');
    const surveyor = new Surveyor(tokenizer, readTokenizer(encoding.directory));
    for (const [i, text] of texts.entries()) await bounded(i, text.length, () => surveyor.add(i, text));
    return surveyor.result();
  },
};

process.on('message', async (request: TokenizerRequest) => {
  try {
    process.send!({ value: await handlers[request.kind](request as never) });
  } catch (error) {
    process.send!({ error: (error as Error).message });
  }
});
