import { expect, it } from 'vitest';
import { quote, shown } from '#ortune/quote.js';

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
