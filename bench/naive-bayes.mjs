// The plain baseline of labels that hold independently of each other: of each the logarithm of its odds by the words of
// a text that are seen in training, as if words came independently (multinomial naive Bayes, 1 added to every count).

import { wordsOf } from '../dist/data/retrieve/bm25.js';

/**
 * @param {readonly { text: string, label: readonly string[] }[]} training
 * @param {readonly string[]} labels
 * @returns {(text: string) => Float64Array} log odds of each label
 */
export function naiveBayes(training, labels) {
  const places = new Map(labels.map((label, i) => [label, i]));
  /** Of each word how often it is there in all, and with each label. */
  const counts = new Map();
  const words = { all: 0, with: new Float64Array(labels.length) };
  const texts = new Float64Array(labels.length);
  for (const { text, label } of training) {
    const own = label.map((name) => places.get(name));
    for (const at of own) texts[at]++;
    for (const word of wordsOf(text)) {
      if (!counts.has(word)) counts.set(word, { all: 0, with: new Float64Array(labels.length) });
      for (const count of [counts.get(word), words]) {
        count.all++;
        for (const at of own) count.with[at]++;
      }
    }
  }
  return (text) => {
    const odds = texts.map((count) => Math.log((count + 1) / (training.length - count + 1)));
    for (const word of wordsOf(text)) {
      const count = counts.get(word);
      if (!count) continue;
      for (let at = 0; at < odds.length; at++) {
        const yes = (count.with[at] + 1) / (words.with[at] + counts.size);
        const no = (count.all - count.with[at] + 1) / (words.all - words.with[at] + counts.size);
        odds[at] += Math.log(yes / no);
      }
    }
    return odds;
  };
}
