// Which output of an export holds a vector for each token: one that is called so, else one of three axes that is no
// score of words.

export const isHidden = (name: string): boolean => /hidden_state|token_embeddings/.test(name);

/** @param words in the vocabulary, where config.json says */
export function hiddenOutput<O extends { name: string; shape?: readonly unknown[] | undefined }>(
  outputs: readonly O[],
  words: unknown,
): O | undefined {
  const scores = ({ name, shape }: O): boolean => /logits/.test(name) || (words !== undefined && shape?.[2] === words);
  return outputs.find(({ name }) => isHidden(name)) ?? outputs.find((one) => one.shape?.length === 3 && !scores(one));
}
