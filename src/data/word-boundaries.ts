// Where words begin in a sequence of tokens, by the mark that each kind of vocabulary puts there: WordPiece marks what
// goes on with a word ('##'), byte-level BPE and SentencePiece what begins one ('Ġ', '▁').

type Json = Record<string, unknown>;

/**
 * Tells for an id whether its token goes on with the word before it.
 * @param tokenizer contents of tokenizer.json
 * @throws Error for a vocabulary without such marks
 */
export function continuesWord(tokenizer: Json): (id: number) => boolean {
  const { type, vocab, continuing_subword_prefix: prefix } = (tokenizer.model ?? {}) as Json;
  const marksContinuation = type === 'WordPiece';
  const mark = marksContinuation ? String(prefix ?? '##') : startMark(tokenizer);
  if (mark === undefined)
    throw new Error('it does not mark where words begin, so whole words cannot be masked; leave wholeWordMask out');
  const tokens: [string, number][] = Array.isArray(vocab)
    ? vocab.map(([token]: [string], id) => [token, id])
    : Object.entries((vocab ?? {}) as Record<string, number>);
  const continuing = new Set(
    tokens.filter(([token]) => token.startsWith(mark) === marksContinuation).map(([, id]) => id),
  );
  return (id) => continuing.has(id);
}

function startMark({ pre_tokenizer, normalizer }: Json): string | undefined {
  const pipeline = JSON.stringify([pre_tokenizer ?? null, normalizer ?? null]);
  if (pipeline.includes('"ByteLevel"')) return 'Ġ';
  return pipeline.includes('"Metaspace"') || pipeline.includes('▁') ? '▁' : undefined;
}
