/** Output of a language model that tells whether the second text follows the first, as exports of BERT call it. */
export const pairOutput = 'seq_relationship_logits';
