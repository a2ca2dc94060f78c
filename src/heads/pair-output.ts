/** Name, in exports of BERT, of a language model's output that scores whether the second text follows the first. */
export const pairOutput = 'seq_relationship_logits';
