// Tokens of BLEU, METEOR and distinct-n: the tokenisers of sacrebleu that need no model (mteval-v13a's, that of
// Chinese, single characters, mteval-v14's, white space). Source: https://github.com/mjpost/sacrebleu (tokenizers/).
// Texts are compared as tokens, so figures of different tokenisers are not comparable.

import { splitWords, withoutEnd, withoutSpace } from './words.js';

export const textTokenizers = ['13a', 'zh', 'char', 'intl', 'none'] as const;
export type TextTokenizer = (typeof textTokenizers)[number];

/**
 * Characters that `zh` sets apart, as the reference has them: two ranges that are meant for characters beyond U+FFFF
 * are written with four digits there and so are U+2001 to U+2A6D and U+2F81 to U+2FA1, dashes and quotes among them;
 * those beyond U+FFFF are not set apart.
 */
const chinese =
  /[\u2001-\u2a6d\u2e80-\u2fdf\u2ff0-\u303f\u3100-\u312f\u31a0-\u31bf\u31c0-\u31ef\u3200-\u4db5\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef]/g;

/** Signs of ASCII apart, but ' - . and ,; stops and commas unless between digits; a dash behind a digit. */
const western = (text: string): string[] =>
  splitWords(
    text
      .replaceAll(/[{-~[-` -&(-+:-@/]/g, ' $& ')
      .replaceAll(/([^0-9])([.,])/gu, '$1 $2 ')
      .replaceAll(/([.,])([^0-9])/gu, ' $1 $2')
      .replaceAll(/([0-9])-/g, '$1 - '),
  );

const entities = { quot: '"', amp: '&', lt: '<', gt: '>' } as const;

function mteval13a(text: string): string[] {
  let line = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
  for (const [name, sign] of Object.entries(entities)) line = line.replaceAll(`&${name};`, sign);
  return western(` ${line} `);
}

const tokenizers: Record<TextTokenizer, (text: string) => string[]> = {
  '13a': mteval13a,
  zh: (text) => western(withoutSpace(text).replaceAll(chinese, ' $& ')),
  char: (text) => splitWords([...text].join(' ')),
  intl: (text) =>
    splitWords(
      text
        .replaceAll(/(\P{N})(\p{P})/gu, '$1 $2 ')
        .replaceAll(/(\p{P})(\P{N})/gu, ' $1 $2')
        .replaceAll(/\p{S}/gu, ' $& '),
    ),
  none: splitWords,
};

/** The tokens of a text; white space at its end has no part in them. */
export const tokenise = (text: string, tokenizer: TextTokenizer): string[] => tokenizers[tokenizer](withoutEnd(text));
