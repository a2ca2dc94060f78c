// From documents to records: running text is cut into sentences, those that share a passage with an evaluation text are
// left out, and what remains is packed into records that fill a sequence of the model. Plain rules on characters, because
// a segmenter's version would change the corpus.

const sentenceEnd = /(?<=[.!?]["'”’)]*)\s+(?=["'“‘([]*[\p{Lu}\d])|\s*\n\s*\n\s*/u;

/** Sentences of a text, each on one line; an empty line ends one too. */
export const sentencesOf = (text) =>
  text
    .split(sentenceEnd)
    .map((sentence) => sentence.replaceAll(/\s+/g, ' ').trim())
    .filter((sentence) => sentence !== '');

/** Successive sentences in groups of about `words` words. */
export function passagesOf(sentences, words) {
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

/** Packs a passage into records of at most `tokens` tokens, cut between words; `count` says how many a word has. */
export function pack(sentences, tokens, count) {
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

/** A hash of every run of words: 52 bits, so that two of some million hardly ever meet by chance. */
function* runsOf(words) {
  for (let start = 0; start + runLength <= words.length; start++) {
    let high = 17;
    let low = 29;
    for (let i = start; i < start + runLength; i++) {
      high = Math.imul(high ^ words[i], 0x85ebca6b) + 1;
      low = Math.imul(low, 0xc2b2ae35) + words[i];
      high ^= high >>> 15;
      low ^= low >>> 13;
    }
    yield { start, run: (high >>> 0) * 2 ** 20 + ((low >>> 0) & 0xfffff) };
  }
}

/** Knows the runs of words of some texts, and keeps other texts free of them. */
export class KnownRuns {
  #runs = new Set();

  add(text) {
    for (const { run } of runsOf(wordHashes(text))) this.#runs.add(run);
  }

  /** Whether `text` has `runLength` words in a row that an added text has too; case and marks do not count. */
  meets(text) {
    for (const { run } of runsOf(wordHashes(text))) if (this.#runs.has(run)) return true;
    return false;
  }

  /** The sentences without those that a known run touches, also across their borders. */
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
