// Entities that are found, as seqeval counts them: an entity is right where its type and both its ends are. Lenient is
// what conlleval does: any tag that cannot go on with an entity begins one. Strict takes those alone that the scheme
// allows (seqeval's mode='strict'). Source: seqeval 1.2.2, metrics/sequence_labeling.py (get_entities), scheme.py.

import { ratio, type Scores } from './classification.js';

/** From unit `start` to unit `end`, which belongs to it. */
export interface Chunk {
  type: string;
  start: number;
  end: number;
}

export type Scheme = 'IOB2' | 'IOBES' | 'BILOU';

/** What the prefixes of tags are; undefined where tags have none: parts of speech. */
export function schemeOf(labels: readonly string[]): Scheme | undefined {
  const prefixes = new Set(labels.filter(isPrefixed).map((label) => label[0]!));
  if (prefixes.size === 0) return undefined;
  if (prefixes.has('L') || prefixes.has('U')) return 'BILOU';
  return prefixes.has('E') || prefixes.has('S') ? 'IOBES' : 'IOB2';
}

/** Whether a label is a tag of a scheme, with a type. */
export const isPrefixed = (label: string): boolean => /^[BIESLU]-./.test(label);

/** Letter and type of a tag. */
function parts(tag: string): [letter: string, type: string] {
  const dash = tag.indexOf('-', 1);
  const rest = dash < 0 ? tag.slice(1) : tag.slice(dash + 1);
  return [tag[0]!, rest === '' ? '_' : rest];
}

/**
 * Pairs of letters between which an entity of one type ends, and begins; of a single letter before, or at, its place.
 */
const ending = new Set(['E', 'S', 'BB', 'BS', 'BO', 'IB', 'IS', 'IO']);
const beginning = new Set(['B', 'S', 'EE', 'EI', 'SE', 'SI', 'OE', 'OI']);

/** L and U mean nothing to it, so BILOU is for the strict figures. */
export function lenientChunks(tags: readonly string[]): Chunk[] {
  const chunks: Chunk[] = [];
  let [before, beforeType, begin] = ['O', '', 0];
  for (const [i, tag] of [...tags, 'O'].entries()) {
    const [letter, type] = parts(tag);
    const differs = type !== beforeType;
    const pair = before + letter;
    if (ending.has(before) || ending.has(pair) || (before !== 'O' && before !== '.' && differs))
      chunks.push({ type: beforeType, start: begin, end: i - 1 });
    if (beginning.has(letter) || beginning.has(pair) || (letter !== 'O' && letter !== '.' && differs)) begin = i;
    [before, beforeType] = [letter, type];
  }
  return chunks;
}

export function strictChunks(tags: readonly string[], scheme: Scheme): Chunk[] {
  const [ending, single] = { IOB2: ['', ''], IOBES: ['E', 'S'], BILOU: ['L', 'U'] }[scheme] as [string, string];
  const chunks: Chunk[] = [];
  for (let i = 0; i < tags.length; ) {
    const [letter, type] = parts(tags[i]!);
    const start = i++;
    if (letter === single && single !== '') chunks.push({ type, start, end: start });
    if (letter !== 'B') continue;
    let closed = scheme === 'IOB2';
    for (; i < tags.length; i++) {
      const [next, other] = parts(tags[i]!);
      if (other !== type || (next !== 'I' && next !== ending) || next === '') break;
      if (next === ending) {
        closed = true;
        i++;
        break;
      }
    }
    if (closed) chunks.push({ type, start, end: i - 1 });
  }
  return chunks;
}

export interface EntityScores extends Scores {
  /** Entities that there are. */
  support: number;
}

/** Of all entities together, and of those of each type. */
export interface EntityResult extends EntityScores {
  types: (EntityScores & { type: string })[];
}

/** Counts entities of texts that are measured. */
export class EntityCounts {
  readonly #types = new Map<string, { right: number; found: number; there: number }>();

  add(gold: readonly Chunk[], found: readonly Chunk[]): void {
    const key = ({ type, start, end }: Chunk): string => `${start}:${end}:${type}`;
    const there = new Set(gold.map(key));
    for (const { type } of gold) this.#of(type).there++;
    for (const chunk of found) {
      this.#of(chunk.type).found++;
      if (there.has(key(chunk))) this.#of(chunk.type).right++;
    }
  }

  #of(type: string) {
    const known = this.#types.get(type);
    if (known) return known;
    const counts = { right: 0, found: 0, there: 0 };
    this.#types.set(type, counts);
    return counts;
  }

  result(): EntityResult {
    const all = { right: 0, found: 0, there: 0 };
    for (const { right, found, there } of this.#types.values()) {
      all.right += right;
      all.found += found;
      all.there += there;
    }
    const types = [...this.#types].sort(([a], [b]) => (a < b ? -1 : 1));
    return { ...scoresOf(all), types: types.map(([type, counts]) => ({ type, ...scoresOf(counts) })) };
  }
}

function scoresOf({ right, found, there }: { right: number; found: number; there: number }): EntityScores {
  const [precision, recall] = [found === 0 ? 0 : right / found, there === 0 ? 0 : right / there];
  return { precision, recall, f1: ratio(2 * precision * recall, precision + recall), support: there };
}
