// Entities out of what is said of each token, by the strategies of the transformers library's pipeline: none, simple,
// first, average, max. Its rule that a token goes on with a word is here what the tokenizer says of words. Source:
// transformers 5.18.0, pipelines/token_classification.py (aggregate, group_entities). E- and L- go on as I- does, S-
// and U- begin and end.

export const aggregations = ['none', 'simple', 'first', 'average', 'max'] as const;
export type Aggregation = (typeof aggregations)[number];

/** A token with the probability of each label. */
export interface Piece {
  word: number;
  start: number;
  end: number;
  scores: Float64Array;
}

export interface Entity {
  type: string;
  text: string;
  /** Probability: the mean over its words, or tokens. */
  score: number;
  /** In the text, which is that of `text.slice(start, end)`. */
  start: number;
  end: number;
}

interface Labelled {
  word: number;
  label: string;
  score: number;
  start: number;
  end: number;
}

export const likeliest = (scores: Float64Array): number => scores.indexOf(Math.max(...scores));

/** The pieces of each word, in their order. */
export function wordsOf(pieces: readonly Piece[]): Piece[][] {
  const words: Piece[][] = [];
  for (const piece of pieces) {
    const last = words.at(-1);
    if (last && last[0]!.word === piece.word) last.push(piece);
    else words.push([piece]);
  }
  return words;
}

export function entitiesOf(
  pieces: readonly Piece[],
  text: string,
  labels: readonly string[],
  aggregation: Aggregation,
): Entity[] {
  const ofScores = (scores: Float64Array, of: readonly Piece[]): Labelled => {
    const top = likeliest(scores);
    const { word, start } = of[0]!;
    return { word, label: labels[top] ?? `LABEL_${top}`, score: scores[top]!, start, end: of.at(-1)!.end };
  };
  const units =
    aggregation === 'none' || aggregation === 'simple'
      ? pieces.map((piece) => ofScores(piece.scores, [piece]))
      : wordsOf(pieces).map((word) => ofScores(wordScores[aggregation](word), word));
  const entity = (type: string, group: readonly Labelled[]): Entity => {
    const [start, end] = [group[0]!.start, group.at(-1)!.end];
    const score = group.reduce((sum, one) => sum + one.score, 0) / group.length;
    return { type, text: text.slice(start, end), score, start, end };
  };
  if (aggregation === 'none') return units.filter(({ label }) => label !== 'O').map((one) => entity(one.label, [one]));
  const groups: { type: string; units: Labelled[]; open: boolean }[] = [];
  for (const unit of units) {
    const [, letter = 'I', type = unit.label] = /^([BIESLU])-(.*)$/s.exec(unit.label) ?? [];
    const last = groups.at(-1);
    // A word of several pieces that ends its entity: S-PER, I-PER.
    const sameWord = last?.units.at(-1)?.word === unit.word;
    const goesOn = sameWord ? letter !== 'B' : last?.open && !'BSU'.includes(letter);
    if (last?.type === type && goesOn) last.units.push(unit);
    else groups.push({ type, units: [unit], open: true });
    if ('ESLU'.includes(letter)) groups.at(-1)!.open = false;
  }
  return groups.filter(({ type }) => type !== 'O').map(({ type, units }) => entity(type, units));
}

const wordScores: Record<'first' | 'average' | 'max', (word: readonly Piece[]) => Float64Array> = {
  first: ([first]) => first!.scores,
  max: (word) => word.reduce((best, one) => (Math.max(...one.scores) > Math.max(...best.scores) ? one : best)).scores,
  average: (word) => word[0]!.scores.map((_, k) => word.reduce((sum, { scores }) => sum + scores[k]!, 0) / word.length),
};
