// Fronts of a long text whose first tokens are those of the whole text, so that of ten megabytes that are cut at 256
// tokens only the front is tokenised. That holds where every part of the tokenizer works from left to right and word by
// word: then what stands behind a run of white space changes no token before it, but for the last few, which an added
// token may reach back over. Where a part is not known to be so, texts are tokenised whole.

import { isObject, type Json } from '../../files/json.js';

/** Normalisers that look at one character, or at one and the marks behind it. */
const localNormalizers = new Set([
  ...['BertNormalizer', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Precompiled', 'Nmt', 'Prepend'],
  ...['Strip', 'ByteLevel'],
]);
const localSplits = new Set([
  ...['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit', 'ByteLevel', 'Metaspace', 'Punctuation', 'Digits'],
]);
/** Replacements of normalisers that are known: runs of spaces made one, and quotes. */
const localPatterns = new Set(['\\s+', ' {2,}', '\\s{2,}|[\\n\\r\\t]', '\\n', '[ \\t]+']);

/** Of expressions that cut texts to words: Llama's, Qwen's, GPT's and CLIP's are made of these. */
const wordPatterns =
  /^(\(\?i:|'|\(|\)|s|t|re|ve|m|ll|d|\||\?|:|\[\^?|\]|\\s|\\r|\\n|\\p\{[A-Z][a-z]?\}|\+|\*| |\(\?!\\S\)|\{1,3\}|<\\\|startoftext\\\|>|<\\\|endoftext\\\|>|\/)*$/;

const parts = (part: unknown, list: string): Json[] => {
  if (!isObject(part)) return [];
  const inner = part[list];
  return part.type === 'Sequence' && Array.isArray(inner) ? inner.flatMap((one) => parts(one, list)) : [part];
};

const isLocalReplace = ({ pattern, content }: Json): boolean =>
  isObject(pattern) &&
  typeof content === 'string' &&
  content.length <= 4 &&
  (typeof pattern.String === 'string' ? pattern.String.length <= 4 : localPatterns.has(String(pattern.Regex)));

/** Where a text may be cut so that the tokens before are those of the whole. */
export interface SureFronts {
  /** How far added tokens may reach, in UTF-16 units: tokens within as many units of a front's end are not sure. */
  reach: number;
  /** What has to stand before the cut, and behind it. */
  before: RegExp;
  behind: RegExp;
}

/** Undefined: no front is sure. */
export function sureFronts({ normalizer, pre_tokenizer, model, added_tokens }: Json): SureFronts | undefined {
  const normalizers = parts(normalizer, 'normalizers');
  if (
    !normalizers.every(
      (one) => localNormalizers.has(String(one.type)) || (one.type === 'Replace' && isLocalReplace(one)),
    )
  )
    return undefined;
  const splits = parts(pre_tokenizer, 'pretokenizers');
  const patternOf = ({ pattern }: Json): string => (isObject(pattern) ? String(pattern.String ?? pattern.Regex) : '');
  const isSplit = (one: Json): boolean =>
    one.type === 'Split'
      ? patternOf(one) === ' ' || (patternOf(one).length < 500 && wordPatterns.test(patternOf(one)))
      : localSplits.has(String(one.type));
  // One of them has to cut at white space.
  const cuts = (one: Json): boolean => {
    if (one.type === 'Split') return /\\s| /.test(patternOf(one));
    return one.type === 'ByteLevel' ? one.use_regex !== false : one.type !== 'Metaspace' || one.split !== false;
  };
  const words = splits.filter((one) => one.type !== 'Punctuation' && one.type !== 'Digits');
  if (!splits.every(isSplit) || !words.some(cuts)) return undefined;
  if (isObject(model) && model.dropout) return undefined;
  const added = (Array.isArray(added_tokens) ? added_tokens : []) as Json[];
  const reach = Math.max(0, ...added.map(({ content }) => String(content).length));
  // Some cut at spaces alone, and some take line breaks to the punctuation before them.
  const atAll = words.some((one) => cuts(one) && one.type !== 'Metaspace' && patternOf(one) !== ' ');
  const takesBreaks = splits.some((one) => /\[\\r\\n\]|\\n|\\r/.test(patternOf(one)));
  return { reach, before: takesBreaks ? /[\p{L}\p{N}]/u : /\S/, behind: atAll ? /[ \t\r\n]/ : / / };
}

/** Ever longer fronts of a text, each cut before a run of white space. */
export function* fronts(text: string, tokens: number, { before, behind }: SureFronts): Generator<string> {
  for (let length = 6 * tokens + 64; length < text.length; length *= 2) {
    let cut = length;
    while (cut > length / 2 && !(behind.test(text[cut]!) && before.test(text[cut - 1]!))) cut--;
    if (cut > length / 2) yield text.slice(0, cut);
  }
}
