import { expect, it } from 'vitest';
import { ModelError } from '#ortune/errors.js';
import { printable, quote, readable, shown } from '#ortune/quote.js';

it.each([
  ['plain ünïcode 漢字 😀', 'plain ünïcode 漢字 😀'],
  ['a\tb\nc\r', 'a\\tb\\nc\\r'],
  ['\u001b[31mred\u0007', '\\u001b[31mred\\u0007'],
  ['nul\0', 'nul\\u0000'],
  ['\u202egnp.exe', '\\u202egnp.exe'],
  ['spam\u200b', 'spam\\u200b'],
])('%j is shown as %j', (text, expected) => {
  expect(shown(text)).toBe(expected);
});

it('cuts long texts, never within a character', () => {
  expect(quote('x'.repeat(1e6))).toBe(`'${'x'.repeat(200)}… (1000000 characters)'`);
  expect(shown('😀😀', 3)).toBe('😀… (4 characters)');
});

it('lets no message command the terminal, and keeps JSON what it is', () => {
  const text = 'a\tb\n\u001b[2J\u0007\u0085\u009b31m\u202e\u2028\r👩\u200d🚀';
  expect(printable(text)).toBe('a\tb\n\\u001b[2J\\u0007\\u0085\\u009b31m\\u202e\\u2028\\r👩\u200d🚀');
  const json = JSON.stringify({ text });
  expect(JSON.parse(printable(json))).toEqual({ text });
  expect(readable('x'.repeat(1e6)).length).toBeLessThan(1.1e5);
});

it.each(['\0', '\u001b[2J', '\u009b', '\u202e'])(
  'an error lets nothing through that a parser quotes of a file: %j',
  (text) => {
    let said = '';
    try {
      JSON.parse(`{"a":${text}1}`);
    } catch (error) {
      said = new ModelError((error as Error).message).message;
    }
    expect(said).toMatch(/not valid JSON|Bad control|JSON/);
    expect(said).not.toMatch(/[\p{Cc}\u202e]/u);
  },
);
