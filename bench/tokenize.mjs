// How fast texts become tokens, and of which texts the JavaScript tokenizer that transformers.js has makes others: the
// SpamAssassin mails that the quickstart trains on, and one text of Chinese letters without a space. Both tokenizers
// read the files of models/tiny-en and, for the letters, of a byte-level BPE (--bpe DIRECTORY). Ids are compared before
// anything is timed, and times are those of the processor, since both work on one thread at a time.

import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Tokenizer as JavaScriptTokenizer } from '@huggingface/tokenizers';
import tokenizers from 'tokenizers';
import { spamMails } from './spam-mails.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(import.meta.dirname, '../models/tiny-en') },
    bpe: { type: 'string' },
    repeats: { type: 'string', default: '3' },
  },
});
const repeats = Number(values.repeats);
const batchSize = 32;

const open = (directory) => {
  const [file, config] = ['tokenizer.json', 'tokenizer_config.json'].map((name) =>
    readFileSync(join(directory, name), 'utf8'),
  );
  const rust = tokenizers.Tokenizer.fromString(file);
  rust.disablePadding();
  const javaScript = new JavaScriptTokenizer(JSON.parse(file), JSON.parse(config));
  return {
    /** One text a call, as ortune does, since a pool of threads would compete with the trainer's. */
    rust: async (text) => (await rust.encode(text)).getIds(),
    javaScript: async (text) => javaScript.encode(text).ids,
  };
};

/** Seconds of processor time: the median of the repeats and their range; the first is a warm-up. */
async function timed(work) {
  const seconds = [];
  for (let i = 0; i <= repeats; i++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    if (i > 0) seconds.push((user + system) / 1e6);
  }
  seconds.sort((a, b) => a - b);
  return {
    median: seconds[Math.floor(repeats / 2)],
    range: `${seconds[0].toFixed(3)} to ${seconds.at(-1).toFixed(3)}`,
  };
}

const mails = spamMails().train.map(({ text }) => text);
const model = open(values.model);
let [tokens, unlike, apart] = [0, 0, 0];
for (const mail of mails) {
  const [a, b] = [await model.rust(mail), await model.javaScript(mail)];
  tokens += a.length;
  const common = new Map();
  for (const id of a) common.set(id, (common.get(id) ?? 0) + 1);
  for (const id of b) common.set(id, (common.get(id) ?? 0) - 1);
  const surplus = [...common.values()].reduce((sum, count) => sum + Math.max(0, count), 0);
  apart += surplus;
  if (a.length !== b.length || a.some((id, i) => id !== b[i])) unlike++;
}
console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}`);
console.log(`${mails.length} mails, ${tokens} tokens: ${apart} tokens of ${unlike} mails are others in JavaScript`);
for (const name of ['rust', 'javaScript']) {
  const { median, range } = await timed(async () => {
    for (const mail of mails) await model[name](mail);
  });
  const batch = ((1000 * median) / mails.length) * batchSize;
  console.log(
    `${name}: ${median.toFixed(2)} s (${range}), ${Math.round(tokens / median)} tokens/s, ${batch.toFixed(1)} ms a batch of ${batchSize}`,
  );
}

const letters = [...'我今天去北京看天安门天气很好'.repeat(6000)].slice(0, 80_000).join('');
for (const [what, directory] of [
  ['WordPiece', values.model],
  ...(values.bpe ? [['byte-level BPE', values.bpe]] : []),
]) {
  const opened = open(directory);
  for (const name of ['rust', 'javaScript']) {
    const { median, range } = await timed(() => opened[name](letters));
    console.log(`80,000 Chinese letters, ${what}, ${name}: ${median.toFixed(3)} s (${range})`);
  }
}
