// Definitions and the words that they define, for retrieval and reranking: those to find are of WordNet's held-out
// senses, and none of their words, alone or with others, is in a training pair.

import { shuffled } from './by-content.mjs';

/**
 * @param {readonly import('./wordnet-glosses.mjs').Sense[]} senses of readSenses
 * @param {{ held: number, most?: number }} sizes most pairs to test and to train on
 */
export function definitionPairs(senses, { held, most = Number.POSITIVE_INFINITY }) {
  const draw = (evaluation) =>
    shuffled(
      senses.filter((sense) => sense.evaluation === evaluation).map((sense) => ({ ...sense, text: sense.definition })),
      0,
    );
  // One sense of each list of words, so that each has one place among the documents.
  const test = [...new Map(draw(true).map((sense) => [sense.words.join(', '), sense])).values()].slice(0, held);
  const wanted = new Set(test.flatMap(({ words }) => words.map((word) => word.toLowerCase())));
  const train = draw(false).filter(({ words }) => !words.some((word) => wanted.has(word.toLowerCase())));
  const pairOf = ({ definition, words, label }) => ({ definition, words: words.join(', '), label });
  return { train: train.slice(0, most).map(pairOf), test: test.map(pairOf) };
}
