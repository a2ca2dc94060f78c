// What is said of a text: its entities and its words with their tags. Windows say it of their tokens, which are put
// together before anything is made of them.

import { ofKind, textAt, textsAt } from '../../data/columns.js';
import { softmax } from '../../metrics/cross-entropy.js';
import { isPrefixed } from '../../metrics/entities.js';
import type { MeasuredBatch, Prediction, Results } from '../task.js';
import { type Aggregation, type Entity, entitiesOf, likeliest, type Piece, wordsOf } from './entities.js';
import { fieldsOf, rowsOf } from './meter.js';

export interface TokenPrediction extends Prediction {
  entities: Entity[];
  /** As they were given, or as the tokenizer splits the text. */
  words: string[];
  /** That of each word's first piece. */
  tags: string[];
  /** Probability of each tag. */
  scores: number[];
}

/** Of a window; of a text once merged. */
interface Part extends TokenPrediction {
  pieces?: Piece[];
  text?: string;
  labels?: readonly string[];
}

export function predictPieces(results: Results, batch: MeasuredBatch, labels: readonly string[]): TokenPrediction[] {
  const { words, starts, ends } = fieldsOf(batch);
  const { data, shape } = results.logits!;
  const classes = shape[2]!;
  const tokens = words.length / rowsOf(batch);
  return Array.from(batch.samples, (_, row): Part => {
    const { text, begins } = textOf(batch, row);
    const pieces: Piece[] = [];
    for (let i = row * tokens; i < (row + 1) * tokens; i++) {
      const word = words[i]!;
      if (word < 0) continue;
      const logits = (data as Float32Array).subarray(i * classes, (i + 1) * classes);
      const at = begins?.[word] ?? 0;
      pieces.push({ word, start: at + starts[i]!, end: at + ends[i]!, scores: softmax(logits) });
    }
    return { entities: [], words: [], tags: [], scores: [], pieces, text, labels };
  });
}

/** The text, and where its words begin, where words are given. */
function textOf({ slices }: MeasuredBatch, row: number): { text: string; begins?: number[] } {
  const given = ofKind(slices, 'words', 'texts');
  const list = given ? textsAt(given, row) : [];
  const text = ofKind(slices, 'text', 'text');
  if (list.length === 0 && text) return { text: textAt(text, row) };
  let at = 0;
  const begins = list.map((word) => {
    at += word.length + 1;
    return at - word.length - 1;
  });
  return { text: list.join(' '), begins };
}

export function mergeWindows(
  parts: readonly TokenPrediction[],
  { aggregation }: { aggregation: Aggregation },
): TokenPrediction {
  const wrong = parts.find(({ error }) => error !== undefined);
  if (wrong) return wrong;
  const { text = '', labels = [] } = parts[0] as Part;
  const pieces = (parts as readonly Part[]).flatMap((part) => part.pieces ?? []);
  const merged: TokenPrediction = {
    entities: entitiesOf(pieces, text, labels, aggregation),
    words: [],
    tags: [],
    scores: [],
  };
  for (const word of wordsOf(pieces)) {
    const { scores } = word[0]!;
    const top = likeliest(scores);
    merged.words.push(text.slice(word[0]!.start, word.at(-1)!.end));
    merged.tags.push(labels[top] ?? `LABEL_${top}`);
    merged.scores.push(scores[top]!);
  }
  return merged;
}

/** Entities, or of tags without a scheme words with theirs. */
export function showTokens({ entities, words, tags }: TokenPrediction, what: string): string {
  if (tags.every((tag) => tag === 'O' || isPrefixed(tag)))
    return `${what}\t${entities.map(({ text, type, score, start }) => `${text}/${type} (${score.toFixed(4)}, at ${start})`).join(', ') || '-'}`;
  return words.map((word, i) => (tags[i] === 'O' ? word : `${word}/${tags[i]}`)).join(' ');
}
