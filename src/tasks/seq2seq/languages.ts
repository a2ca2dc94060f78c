// Models of many languages (mBART, M2M-100, NLLB), whose texts carry a token that says which one they are in: where it
// stands, which codes there are, and what the decoder begins with, as the tokenizers and models of Python's
// transformers have it (5.18.0: tokenization_mbart.py, tokenization_mbart50.py, tokenization_m2m_100.py,
// tokenization_nllb.py, and shift_tokens_right of modeling_mbart.py).

import { join } from 'node:path';
import { asPython } from '../../data/tokenizer/as-python.js';
import { readTokenizer } from '../../data/tokenizer/files.js';
import type { AroundTexts } from '../../data/tokenizer/protocol.js';
import { ModelError, UsageError } from '../../errors.js';
import { textOf } from '../../files/json.js';
import { readModelJson } from '../../files/model-files.js';
import { quote } from '../../quote.js';
import { readModelConfig } from '../../transfer/config.js';
import { languageOf, nearestCodes } from './codes.js';

/** The languages of a run, and what follows from them. */
export interface Languages {
  /** Codes as the tokenizer has them. */
  source: string;
  target: string;
  /** Special tokens around the texts. */
  around: { source: AroundTexts; target: AroundTexts };
  /** What the decoder starts with, where that goes with the language; undefined: as the configuration says. */
  start?: number;
  /** What it writes first, whatever it would: the token of the target's language. */
  forced?: number;
}

interface Family {
  /** Tokens of languages, with the code as the group. */
  tokens: RegExp;
  /** Whether the token stands before the text, or behind its end; legacy: where tokenizer_config.json says so. */
  place: 'before' | 'behind' | 'legacy';
}

/** By the class of the tokenizer. */
const families: Readonly<Record<string, Family>> = {
  MBartTokenizer: { tokens: /^([a-z]{2}_[A-Z]{2})$/, place: 'behind' },
  MBart50Tokenizer: { tokens: /^([a-z]{2}_[A-Z]{2})$/, place: 'before' },
  M2M100Tokenizer: { tokens: /^__([a-z]{2,3})__$/, place: 'before' },
  NllbTokenizer: { tokens: /^([a-z]{3}_[A-Z][a-z]{3})$/, place: 'legacy' },
};
/** Types of models whose texts carry such tokens, and the class where none is named. */
const types: Readonly<Record<string, string | undefined>> = {
  mbart: undefined,
  m2m_100: 'M2M100Tokenizer',
  'nllb-moe': 'NllbTokenizer',
  plbart: undefined,
};

/**
 * @param given codes; default those of tokenizer_config.json
 * @returns undefined for models of one pair of languages
 * @throws ModelError for a tokenizer of many languages that is not known; UsageError for a code that is missing, or
 * that
 *   the model has not
 */
export function languagesOf(
  directory: string,
  given: { source?: string | undefined; target?: string | undefined },
): Languages | undefined {
  const { model_type: type = '', tokenizer_class: ofModel } = readModelConfig(directory);
  const settings = readModelJson(directory, 'tokenizer_config.json') ?? {};
  const named = textOf(settings.tokenizer_class) ?? textOf(ofModel) ?? types[type] ?? '';
  const family = families[named.replace(/Fast$/, '')];
  if (!family) {
    if (!(type in types)) return undefined;
    throw new ModelError(
      `${join(directory, 'tokenizer_config.json')}: models of type ${quote(type)} put a token of its language beside every text, and of tokenizer_class ` +
        `${named === '' ? 'none' : quote(named)} it is not known how. Expected ${Object.keys(families).join(', ')}: name the one that the model was trained with.`,
    );
  }
  const { vocabulary, special, endToken } = tokenizerOf(directory);
  const codes = new Map(
    [...vocabulary].flatMap(([token, id]) => {
      const code = special.has(id) ? family.tokens.exec(token)?.[1] : undefined;
      return code === undefined ? [] : [[code, { token, id }] as const];
    }),
  );
  const end = endToken === undefined ? undefined : vocabulary.get(endToken);
  if (codes.size === 0 || end === undefined)
    throw new ModelError(
      `${join(directory, 'tokenizer.json')}: ${named} has no ${end === undefined ? 'token that ends a text (eos_token)' : 'tokens of languages'} among its special ones`,
    );
  const code = (option: 'sourceLang' | 'targetLang', wanted: string | undefined): string => {
    if (wanted !== undefined && codes.has(wanted)) return wanted;
    const inside = wanted === undefined ? undefined : family.tokens.exec(wanted)?.[1];
    if (inside !== undefined && codes.has(inside)) return inside;
    throw new UsageError(unknownCode(option, wanted, [...codes.keys()]));
  };
  const source = code('sourceLang', given.source ?? textOf(settings.src_lang));
  const target = code('targetLang', given.target ?? textOf(settings.tgt_lang));
  if (source === target)
    throw new UsageError(
      `options 'sourceLang' and 'targetLang' are both '${source}': a text would be translated into itself`,
    );
  const behind = family.place === 'behind' || (family.place === 'legacy' && settings.legacy_behaviour === true);
  const aroundOf = (language: string): AroundTexts => {
    const { token } = codes.get(language)!;
    return behind ? { before: [], after: [endToken!, token] } : { before: [token], after: [endToken!] };
  };
  const { id } = codes.get(target)!;
  return {
    ...{ source, target, around: { source: aroundOf(source), target: aroundOf(target) } },
    // mBART's decoder starts with the last token of the target, which wraps around.
    ...(type === 'mbart' && { start: behind ? id : end }),
    ...(!(type === 'mbart' && behind) && { forced: id }),
  };
}

function tokenizerOf(directory: string) {
  try {
    return asPython(readTokenizer(directory));
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(`${join(directory, 'tokenizer.json')}: ${(error as Error).message}`);
  }
}

/** Codes that a message lists. */
const listed = 8;

function unknownCode(option: string, wanted: string | undefined, codes: readonly string[]): string {
  const some = wanted === undefined ? codes.toSorted() : nearestCodes(wanted, codes);
  const list = `${some.slice(0, listed).join(', ')}${codes.length > listed ? ` (of ${codes.length} in all)` : ''}`;
  if (wanted === undefined)
    return `option '${option}' is missing: texts of this model carry a token of their language; it has ${list}`;
  return `option '${option}': the model has no language ${quote(wanted)}; near it are ${list}`;
}

/**
 * Where names say that source and target are the other way round than their languages: of columns, of a prefix as T5
 * has it ('translate German to English: '), or of a model of one pair.
 * @throws UsageError
 */
export function refuseSwapped(
  directory: string,
  { sourceLang, targetLang, sourceColumn, targetColumn, prefix }: Readonly<Record<string, string | undefined>>,
): void {
  if (sourceLang === undefined || targetLang === undefined) return;
  const [source, target] = [languageOf(sourceLang), languageOf(targetLang)];
  const settings = readModelJson(directory, 'tokenizer_config.json') ?? {};
  const swapped = (from: string | undefined, to: string | undefined): boolean =>
    from !== undefined &&
    to !== undefined &&
    source !== target &&
    languageOf(from) === target &&
    languageOf(to) === source;
  const told = `sourceLang is '${sourceLang}' and targetLang '${targetLang}'`;
  const remedy = 'swap the two, or correct it';
  if (swapped(sourceColumn, targetColumn))
    throw new UsageError(
      `${told}, and the source is read from column '${sourceColumn}', the target from '${targetColumn}': ${remedy}`,
    );
  const [, from, to] = /\b(\p{L}+) (?:to|into) (\p{L}+)/u.exec(prefix ?? '') ?? [];
  if (swapped(from, to)) throw new UsageError(`${told}, and sourcePrefix says '${prefix}': ${remedy}`);
  const [own, other] = [textOf(settings.source_lang), textOf(settings.target_lang)];
  if (swapped(own, other))
    throw new UsageError(
      `${told}, and the model translates from '${own}' to '${other}' (${join(directory, 'tokenizer_config.json')}): ${remedy}`,
    );
}
