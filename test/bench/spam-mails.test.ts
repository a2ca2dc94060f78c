import { describe, expect, it } from 'vitest';
import { mailTexts, spamMails } from '../../bench/spam-mails.mjs';

const letters = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}]+/gu, '');
/** The letters of what a classifier gets of a mail. */
const beginning = (text: string): string => letters(text.slice(0, 4000));
const share = (records: { label: string }[]): number =>
  records.filter((r) => r.label === 'spam').length / records.length;

describe('the SpamAssassin mails', () => {
  const { train, test, read, kept } = spamMails({ seed: 0 });
  const { pretraining, evaluation } = mailTexts();

  it('are distinct across and within the splits', () => {
    expect(read).toBe(6046);
    expect(kept).toBe(train.length + test.length);
    expect(new Set([...train, ...test].map(({ text }) => letters(text))).size).toBe(kept);
  });

  it('are split a fifth to four fifths, with the same share of spam in both', () => {
    expect(test.length / kept).toBeCloseTo(0.2, 3);
    expect(share(test)).toBeCloseTo(share(train), 2);
  });

  it('hold readable text without the headers that would give the answer away', () => {
    for (const { text } of test) {
      expect(text.length).toBeGreaterThanOrEqual(20);
      expect(text).not.toMatch(/^(Received|Return-Path|X-Spam-Status):/);
    }
  });

  it('are the same for the same seed and split otherwise for another', () => {
    expect(spamMails({ seed: 0 }).test).toEqual(test);
    expect(spamMails({ seed: 1 }).test).not.toEqual(test);
  });

  it('are in no test split, whatever the seed, if pre-training may read them', () => {
    expect(pretraining.length / kept).toBeCloseTo(0.4, 1);
    expect(pretraining.length + evaluation.length).toBe(kept);
    const readBefore = new Set(pretraining.map(beginning));
    for (let seed = 0; seed < 5; seed++)
      for (const { text } of spamMails({ seed }).test) expect(readBefore.has(beginning(text)), text).toBe(false);
    expect(train.some(({ text }) => readBefore.has(beginning(text)))).toBe(true);
  });

  it('are labelled as many as asked for, with the same share of spam and the same test', () => {
    const few = spamMails({ seed: 0, labels: 400 });
    expect(few.train).toHaveLength(400);
    expect(share(few.train)).toBeCloseTo(share(train), 2);
    expect(few.test).toEqual(test);
    const all = new Set(train.map(({ text }) => text));
    for (const { text } of few.train) expect(all.has(text)).toBe(true);
  });

  it('do not suffice for a test of most of them', () => {
    expect(() => spamMails({ testShare: 0.7 })).toThrow(/testShare 0.7: only \d+ of \d+ ham mails may be tested on/);
  });
});
