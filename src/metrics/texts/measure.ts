// Figures of texts for programs that generate by themselves: arguments are checked here, and named where they are
// wrong.

import { checkOptions, checkPath, kindOfValue } from '../../arguments.js';
import { UsageError } from '../../errors.js';
import { quote } from '../../quote.js';
import { Bleu } from './bleu.js';
import { type TextMetricOptions, TextMetrics, type TextResult, textMetrics } from './figures.js';
import { rougeWords } from './rouge.js';
import { textTokenizers } from './tokenizers.js';

const keys = [
  'metrics',
  'tokenizer',
  'lowercase',
  'rougeWords',
  'stem',
  'wordnet',
] as const satisfies readonly (keyof TextMetricOptions)[];

/**
 * Measures generated texts against what they should be: exact match, BLEU, chrF and chrF++ (0 to 100, as sacrebleu),
 * ROUGE-1, 2, L and Lsum (rouge-score), METEOR (NLTK), word and character error rate, distinct-1 and 2. Computes in the
 * caller's thread; what is kept are counts.
 * @param references of each text one, or a list of several
 * @throws UsageError for arguments of other kinds, and for texts without references
 */
export function measureTexts(
  texts: readonly string[],
  references: readonly (string | readonly string[])[],
  options: TextMetricOptions = {},
): TextResult {
  const lists = checkTexts('measureTexts', texts, references);
  checkMetrics(options);
  const metrics = new TextMetrics(options);
  for (const [i, text] of texts.entries()) metrics.add(text, lists[i]!);
  return metrics.result();
}

/** BLEU of one text, 0 to 100: sacrebleu's sentence BLEU, with effective order. @throws UsageError as measureTexts */
export function sentenceBleu(
  text: string,
  references: readonly string[],
  options: Pick<TextMetricOptions, 'tokenizer' | 'lowercase'> = {},
): number {
  const [list] = checkTexts('sentenceBleu', [text], [references]);
  checkMetrics(options);
  const bleu = new Bleu({ ...options, effectiveOrder: true });
  bleu.add(text, list!);
  return bleu.score;
}

function checkTexts(call: string, texts: unknown, references: unknown): (readonly string[])[] {
  for (const [name, value] of Object.entries({ texts, references }))
    if (!Array.isArray(value))
      throw new UsageError(`${call}: ${name} must be a list of texts, found ${kindOfValue(value)}`);
  const [all, others] = [texts as unknown[], references as unknown[]];
  if (all.length !== others.length)
    throw new UsageError(
      `${call}: ${all.length} texts and ${others.length} references: expected the references of each text`,
    );
  if (all.length === 0) throw new UsageError(`${call}: there are no texts`);
  for (const [i, text] of all.entries())
    if (typeof text !== 'string')
      throw new UsageError(`${call}: texts[${i}] must be a text, found ${kindOfValue(text)}`);
  return others.map((other, i) => {
    const list: unknown[] = Array.isArray(other) ? other : [other];
    if (list.length > 0 && list.every((one) => typeof one === 'string')) return list as string[];
    throw new UsageError(
      `${call}: references[${i}] must be a text or a list of one or more texts, found ${kindOfValue(other)}`,
    );
  });
}

function checkMetrics(options: TextMetricOptions): void {
  checkOptions(options, 'the options of text metrics', keys);
  const { metrics = [], tokenizer = '13a', rougeWords: words = 'latin' } = options;
  if (!Array.isArray(metrics)) throw new UsageError(`metrics must be a list of names, found ${kindOfValue(metrics)}`);
  for (const name of metrics) checkName('metrics', name, textMetrics);
  checkName('tokenizer', tokenizer, textTokenizers);
  checkName('rougeWords', words, rougeWords);
  for (const key of ['lowercase', 'stem'] as const) {
    const value: unknown = options[key];
    if (value !== undefined && typeof value !== 'boolean')
      throw new UsageError(`${key} must be true or false, found ${kindOfValue(value)}`);
  }
  if (options.wordnet !== undefined) checkPath(options.wordnet, 'wordnet');
}

function checkName(option: string, name: unknown, names: readonly string[]): void {
  if (names.includes(name as string)) return;
  const found = typeof name === 'string' ? quote(name) : kindOfValue(name);
  throw new UsageError(`${option}: there is no ${found}; there are ${names.join(', ')}`);
}
