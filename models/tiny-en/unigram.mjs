// The perplexity of a model that knows how often each token occurs and looks at no neighbour: what a masked language
// model must beat to have learnt anything from context. Over tokens, as the masked-LM task measures it, without special
// ones.

/**
 * exp of the mean surprise at the held-out tokens, by their frequencies in the training text with one added to each.
 * @param {number[][]} train ids of the training records, without [CLS] and [SEP]
 * @param {number[][]} heldOut ids of the held-out records, likewise
 * @param {number} vocabulary number of tokens
 * @param {number} unknown id of [UNK], which is neither counted nor guessed
 */
export function unigramPerplexity(train, heldOut, vocabulary, unknown) {
  const counts = new Float64Array(vocabulary).fill(1);
  let total = vocabulary;
  for (const ids of train)
    for (const id of ids)
      if (id !== unknown) {
        counts[id]++;
        total++;
      }
  let surprise = 0;
  let tokens = 0;
  for (const ids of heldOut)
    for (const id of ids)
      if (id !== unknown) {
        surprise -= Math.log(counts[id] / total);
        tokens++;
      }
  return Math.exp(surprise / tokens);
}
