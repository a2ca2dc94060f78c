// Names of outputs that language models have beside those of their tokens: scores of whole texts.

/** Whether the second text follows the first, as exports of BERT call it. */
export const pairOutput = 'seq_relationship_logits';

/** Which class the text has, of models that task-driven-lm trains. */
export const classOutput = 'class_logits';
