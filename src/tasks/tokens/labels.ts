// What the loss and the figures read of each token, written beside the model's inputs: its label and weight, and where
// it is. Words with tags give their first piece the tag and the others its inside form (I-); texts with ranges give it
// by the characters of each token.

import { type ClassesSlice, ofKind, textAt } from '../../data/columns.js';
import { type EncodeRequest, type Writer, writerOf } from '../../data/encode.js';
import type { Field, Slot } from '../../data/slots.js';
import { isOwned, type Window } from '../../data/tokenizer/encoded.js';

/** Label of a token that has no loss, as in PyTorch. */
export const ignored = -100;

const perToken = ['batch*tokens'] as const;

/** Slot fields; the last four are not for the graph, but for figures and predictions. */
export const tokenLabelFields: readonly Field[] = [
  { name: 'labels', dtype: 'int64', shape: perToken },
  { name: 'sample_weights', dtype: 'float32', shape: perToken },
  // 1 of the tokens that are scored: a word's first piece, or of texts with ranges each token; 0 of others.
  { name: 'scored', dtype: 'int32', shape: perToken },
  // Word of each token that has more context here than in another window, -1 of other tokens.
  { name: 'token_words', dtype: 'int32', shape: perToken },
  // From where to where each is: in its word where words are given, else in the text.
  { name: 'starts', dtype: 'int32', shape: perToken },
  { name: 'ends', dtype: 'int32', shape: perToken },
];

/**
 * The inside form of a tag, whichever of its scheme: I-PER of B-PER, E-PER and S-PER. Where no word has it the last one
 * of an entity (E-, L-), since entities then end in their second word; else the tag itself.
 */
export function insideOf(label: string, labels: readonly string[]): number {
  const type = /^[BIESLU](-.+)$/s.exec(label)?.[1];
  const inside = type === undefined ? undefined : ['I', 'E', 'L'].find((letter) => labels.includes(letter + type));
  return labels.indexOf(inside === undefined ? label : `${inside}${type}`);
}

interface Written {
  rows: readonly Window[];
  /** First place of each row's tokens within the batch's. */
  starts: readonly number[];
  /** For each tag the tag of the pieces behind a word's first; empty where they have no loss. */
  inside: readonly number[];
  request: Pick<EncodeRequest, 'slices' | 'weights'>;
}

/** Gives the sum of the weights. */
export function writeTokenLabels(slot: Slot, axes: Record<string, number>, written: Written): number {
  const { rows, starts, inside, request } = written;
  const out = Object.fromEntries(tokenLabelFields.map(({ name }) => [name, writerOf(slot, name, axes)!])) as Record<
    string,
    Writer
  >;
  for (const [name, writer] of Object.entries(out))
    writer.fill(name === 'labels' ? ignored : name === 'token_words' ? -1 : 0);
  let total = 0;
  for (const [b, window] of rows.entries()) {
    const words = ofKind(request.slices, 'words', 'texts');
    const given = words !== undefined && (words.offsets[b + 1]! > words.offsets[b]! || !request.slices.text);
    const text = given ? '' : textAt(ofKind(request.slices, 'text', 'text')!, b);
    const labelOf = given ? byWord(request, b) : byRange(request, b);
    const tokens = [...window.ids.keys()].filter((i) => window.texts[i] === 0);
    let before: Token | undefined;
    for (const [at, i] of tokens.entries()) {
      const word = window.words[i]!;
      const first = at === 0 ? !window.within : word !== window.words[i - 1];
      let [start, end] = [window.places[2 * i]!, window.places[2 * i + 1]!];
      if (!given) [start, end] = trimmed(text, start, end);
      const token = { word, first, start, end, begins: at === 0 && window.from === 0 };
      const place = starts[b]! + i;
      const piece = labelOf(token, before);
      const label = first
        ? piece.label
        : inside.length === 0
          ? ignored
          : given
            ? (inside[piece.label] ?? ignored)
            : piece.label;
      before = token;
      out.starts!.set(place, start);
      out.ends!.set(place, end);
      if (isOwned(at, tokens.length, window)) {
        out.token_words!.set(place, word);
        if (first || (!given && inside.length > 0)) out.scored!.set(place, 1);
      }
      if (label === ignored) continue;
      out.labels!.set(place, label);
      out.sample_weights!.set(place, request.weights[b]!);
      total += request.weights[b]!;
    }
  }
  return total;
}

interface Token {
  word: number;
  first: boolean;
  start: number;
  end: number;
  /** It is the first of the text. */
  begins: boolean;
}

type LabelOf = (token: Token, before: Token | undefined) => { label: number };

function byWord({ slices }: Written['request'], row: number): LabelOf {
  const tags = slices.tags as ClassesSlice | undefined;
  if (!tags) return () => ({ label: ignored });
  return ({ word }) => ({ label: tags.values[tags.offsets[row]! + word] ?? ignored });
}

/** The class of tokens outside, and two for each range: of its first token and of the others. */
function byRange({ slices }: Written['request'], row: number): LabelOf {
  const ranges = ofKind(slices, 'spans', 'ranges');
  const tags = ofKind(slices, 'spanTags', 'classes');
  if (!ranges || !tags) return () => ({ label: ignored });
  const from = tags.offsets[row]!;
  const count = ranges.offsets[row + 1]! - ranges.offsets[row]!;
  const range = (k: number) => ranges.values.subarray(2 * (ranges.offsets[row]! + k));
  const touches = (token: Token, k: number): boolean => token.start < range(k)[1]! && token.end > range(k)[0]!;
  return (token, before) => {
    for (let k = 0; k < count; k++) {
      if (!touches(token, k)) continue;
      // Of the token before a window nothing is known but that it ends where this one begins.
      const goesOn = before ? touches(before, k) : !token.begins && token.start > range(k)[0]!;
      return { label: tags.values[from + 1 + 2 * k + (goesOn ? 1 : 0)]! };
    }
    return { label: tags.values[from] ?? ignored };
  };
}

/** Without white space at the ends. */
export function trimmed(text: string, start: number, end: number): [number, number] {
  let [from, to] = [start, end];
  while (from < to && /\s/.test(text[from]!)) from++;
  while (to > from && /\s/.test(text[to - 1]!)) to--;
  return [from, to];
}
