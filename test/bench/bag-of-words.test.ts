import { describe, expect, it } from 'vitest';
import { bagOfWords } from '../../bench/bag-of-words.mjs';
import { spamMails } from '../../bench/spam-mails.mjs';

const sample = (text: string, label: string) => ({ text, label });

describe('a bag of words', () => {
  it('learns which words tell several classes apart', async () => {
    const train = [
      ...['goal in the match', 'the match was a draw', 'a late goal'].map((text) => sample(text, 'sport')),
      ...['rain in the north', 'sun and rain', 'a late sun'].map((text) => sample(text, 'weather')),
      ...['the bank cut rates', 'rates in the market', 'a late market'].map((text) => sample(text, 'money')),
    ];
    const test = [sample('a match', 'sport'), sample('north rain', 'weather'), sample('bank rates', 'money')];
    expect(await bagOfWords(train, test)).toBe(1);
    expect(await bagOfWords(train, [...test, sample('unknown words only', 'none')])).toBe(0.75);
  });

  it('fails with what went wrong in its thread', async () => {
    await expect(bagOfWords([{ label: 'a' }] as never, [])).rejects.toThrow(/toLowerCase/);
  });

  const { train, test } = spamMails({ seed: 0 });

  it('labels nearly all mails right when it has learnt from thousands', async () => {
    const accuracy = await bagOfWords(train, test);
    expect(accuracy).toBeGreaterThan(0.97);
    expect(accuracy).toBeLessThan(0.995);
  });

  it('does so with hundreds, a little worse, and the same each time', async () => {
    const few = train.slice(0, 400);
    const accuracy = await bagOfWords(few, test);
    expect(accuracy).toBeGreaterThan(0.93);
    expect(accuracy).toBeLessThan(0.97);
    expect(await bagOfWords(few, test)).toBe(accuracy);
  });
});
