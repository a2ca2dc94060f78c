// A dictionary in the format of WordNet's data files (wndb(5WN)), made up for tests: `count` senses of every class
// given.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const licence = '  1 This is no part of WordNet: a made-up dictionary in its format.\n';

/** Class number, part of speech, and the file it stands in. */
const kinds = [
  ['00', 'a', 'adj'],
  ['05', 'n', 'noun'],
  ['06', 'n', 'noun'],
  ['38', 'v', 'verb'],
  ['02', 'r', 'adv'],
] as const;

const line = (number: string, kind: string, word: string, gloss: string): string =>
  `00000000 ${number} ${kind} 02 ${word} 0 other_${word}(a) 0 001 @ 00000000 n 0000 | ${gloss}  \n`;

/** Letters for a number, since digits alone do not tell texts apart. */
const letters = (n: number): string => n.toString(26).replaceAll(/\d/g, (d) => 'qrstuvwxyz'[Number(d)]!);

/** Writes dict/data.noun and so on into `directory`; two senses share a definition, and two disagree about one. */
export function writeDictionary(directory: string, count: number): void {
  const files: Record<string, string> = { adj: licence, noun: licence, verb: licence, adv: licence };
  for (const [number, kind, file] of kinds) {
    for (let i = 0; i < count; i++) {
      const word = `${file}${number}${letters(i)}`;
      files[file] += line(number, kind, word, `what a ${letters(i)} is in ${file} ${number}; "they saw the ${word}"`);
    }
    files[file] += line(number, kind, `same${number}`, `the same for all of ${number === '05' ? '05' : 'them'}`);
    files[file] += line(number, kind, `again${number}`, `The same, for all of ${number === '05' ? '05' : 'them'}!`);
  }
  mkdirSync(join(directory, 'dict'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, 'dict', `data.${file}`), text);
}
