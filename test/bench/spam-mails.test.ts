import { describe, expect, it } from 'vitest';
import { spamMails } from '../../bench/spam-mails.mjs';

const letters = ({ text }: { text: string }): string => text.toLowerCase().replaceAll(/[^\p{L}]+/gu, '');
const share = (records: { label: string }[]): number =>
  records.filter((r) => r.label === 'spam').length / records.length;

describe('the SpamAssassin mails', () => {
  const { train, test, read, kept } = spamMails({ seed: 0 });

  it('are distinct across and within the splits', () => {
    expect(read).toBe(6046);
    expect(kept).toBe(train.length + test.length);
    expect(new Set([...train, ...test].map(letters)).size).toBe(kept);
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
});
