// How exports call the output with a vector for each token.

export const isHidden = (name: string): boolean => /hidden_state|token_embeddings/.test(name);
