// From documents to records: running text is cut into sentences, those that share a passage with an evaluation text are
// left out, and what remains is packed into records that fill a sequence of the model. Plain rules on characters,
// because a segmenter's version would change the corpus.

const sentenceEnd = /(?<=[.!?]["'”’)]*)\s+(?=["'“‘([]*[\p{Lu}\d])|\s*\n\s*\n\s*/u;

/** Sentences of a text, each on one line; an empty line ends one too. */
export const sentencesOf = (text) =>
  text
    .split(sentenceEnd)
    .map((sentence) => sentence.replaceAll(/\s+/g, ' ').trim())
    .filter((sentence) => sentence !== '');

/**
 * Successive sentences in groups of about `words` words.
 * @param {string[]} sentences
 * @param {number} words
 */
export function passagesOf(sentences, words) {
  /** @type {string[][]} */
  const passages = [];
  let room = 0;
  for (const sentence of sentences) {
    if (room <= 0) {
      passages.push([]);
      room = words;
    }
    passages.at(-1).push(sentence);
    room -= sentence.split(' ').length;
  }
  return passages;
}

/**
 * Packs a passage into records of at most `tokens` tokens, cut between words.
 * @param {string[]} sentences
 * @param {number} tokens
 * @param {(word: string) => number} count how many tokens a word has
 */
export function pack(sentences, tokens, count) {
  /** @type {string[][]} */
  const records = [];
  let room = 0;
  for (const word of sentences.join(' ').split(' ')) {
    const size = count(word);
    if (size > tokens) continue;
    if (size > room) {
      records.push([]);
      room = tokens;
    }
    records.at(-1).push(word);
    room -= size;
  }
  return records.map((words) => words.join(' '));
}

/** Words in a row that make a shared run. */
export const runLength = 12;

const hashOf = (word) => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return hash;
};

const wordHashes = (text) => Array.from(text.toLowerCase().matchAll(/\p{L}+/gu), ([word]) => hashOf(word));

/** A polynomial in `base` over the last `runLength` words, modulo 2^32. */
class RollingHash {
  #base;
  #highest = 1;
  value = 0;

  constructor(base) {
    this.#base = base;
    for (let i = 0; i < runLength; i++) this.#highest = Math.imul(this.#highest, base);
  }

  roll(entering, leaving) {
    this.value = (Math.imul(this.value, this.#base) + entering - Math.imul(leaving, this.#highest)) | 0;
  }
}

/** A hash of every run of words: 53 bits, so that two of some million hardly ever meet by chance. */
function* runsOf(words) {
  const high = new RollingHash(0x85ebca6b);
  const low = new RollingHash(0xc2b2ae35);
  for (let i = 0; i < words.length; i++) {
    const leaving = words[i - runLength] ?? 0;
    high.roll(words[i], leaving);
    low.roll(words[i], leaving);
    const start = i - runLength + 1;
    if (start >= 0) yield { start, run: (high.value >>> 0) * 2 ** 21 + (low.value >>> 11) };
  }
}

/** Knows the runs of words of some texts, and keeps other texts free of them. */
export class KnownRuns {
  #runs = new Set();

  /** @param {string} text */
  add(text) {
    for (const { run } of runsOf(wordHashes(text))) this.#runs.add(run);
  }

  /**
   * The sentences without those that a known run touches, also across their borders.
   * @param {string[]} sentences
   * @returns {string[]}
   */
  without(sentences) {
    const words = [];
    const owners = [];
    for (const [i, sentence] of sentences.entries())
      for (const hash of wordHashes(sentence)) {
        words.push(hash);
        owners.push(i);
      }
    const touched = new Set();
    for (const { start, run } of runsOf(words))
      if (this.#runs.has(run)) for (let i = 0; i < runLength; i++) touched.add(owners[start + i]);
    // Sentences that became neighbours may meet a run together.
    return touched.size === 0 ? sentences : this.without(sentences.filter((_, i) => !touched.has(i)));
  }
}
