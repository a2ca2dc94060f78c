// What the pre-training of tiny-en starts from, written into a working directory: train.jsonl.gz and heldout.jsonl,
// records of one sequence each; the tokenizer learnt from the training passages; and the untrained encoder. Also
// measures what knowing nothing but the frequencies of tokens is worth, which a masked language model has to beat.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Tokenizer } from '@huggingface/tokenizers';
import { buildWordPiece, writeEncoder } from 'ortune';
import { sha256 } from '../../bench/by-content.mjs';
import { readPassages, toRecords } from './corpus.mjs';
import { unigramPerplexity } from './unigram.mjs';

/** Mails are the smallest part and the farthest from the others, so an epoch has them twice. */
const copies = { SpamAssassin: 2 };

/** Ids of a text without special tokens, and how many a word has, which is remembered. */
function encoderOf({ tokenizer, config }) {
  const wordPiece = new Tokenizer(tokenizer, config);
  const idsOf = (text) => wordPiece.encode(text, { add_special_tokens: false }).ids;
  const known = new Map();
  const count = (word) => {
    const tokens = known.get(word) ?? idsOf(word).length;
    known.set(word, tokens);
    return tokens;
  };
  return { idsOf, count, unknown: wordPiece.token_to_id('[UNK]') };
}

/** Records, words, tokens and tokens that are [UNK], by source. */
function countSources(records, ids, unknown) {
  const counts = {};
  for (const [i, { text, source }] of records.entries()) {
    counts[source] ??= { records: 0, words: 0, tokens: 0, unknown: 0 };
    counts[source].records++;
    counts[source].words += text.split(' ').length;
    counts[source].tokens += ids[i].length;
    counts[source].unknown += ids[i].filter((id) => id === unknown).length;
  }
  return counts;
}

const jsonl = (records) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

/**
 * @param {{ directory: string, packages: Record<string, string>, encoder: object, vocabulary: number, alphabet: number,
 *   tokens: number, seed: number }} recipe `tokens`: of a record, without [CLS] and [SEP]
 * @param {(line: string) => void} say
 * @returns what provenance.json has to say of the data
 */
export function prepare({ directory, packages, encoder, vocabulary, alphabet, tokens, seed }, say) {
  say('reading the texts, without what evaluation texts have in common with them ...');
  const { train: passages, heldOut: heldOutPassages, leftOut } = readPassages(packages);
  say(`learning a vocabulary of ${vocabulary} pieces ...`);
  const texts = passages.flatMap(({ source, sentences }) => Array(copies[source] ?? 1).fill(sentences.join(' ')));
  const tokenizer = buildWordPiece(texts, { vocabulary, alphabet, maxLength: encoder.positions });
  const { idsOf, count, unknown } = encoderOf(tokenizer);
  say('packing records ...');
  const once = toRecords(passages, tokens, count);
  const train = once.flatMap((record) => Array(copies[record.source] ?? 1).fill(record));
  const heldOut = toRecords(heldOutPassages, tokens, count);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'train.jsonl.gz'), gzipSync(jsonl(train)));
  writeFileSync(join(directory, 'heldout.jsonl'), jsonl(heldOut));
  const model = join(directory, 'encoder');
  writeEncoder(model, { ...encoder, seed, vocabulary, head: 'language-model', storage: 'float16', tokenizer });
  say('counting tokens ...');
  const trainIds = train.map(({ text }) => idsOf(text));
  const heldOutIds = heldOut.map(({ text }) => idsOf(text));
  return {
    train: { sha256: sha256(jsonl(train)), sources: countSources(train, trainIds, unknown) },
    heldOut: { sha256: sha256(jsonl(heldOut)), sources: countSources(heldOut, heldOutIds, unknown) },
    leftOut,
    unigramPerplexity: unigramPerplexity(trainIds, heldOutIds, vocabulary, unknown),
  };
}
