// Figures of tokens and entities. Tags of a text may come in several windows, in any order: they are counted when all
// of them are there.

import { ofKind } from '../../data/columns.js';
import { ratio } from '../../metrics/classification.js';
import {
  type Chunk,
  EntityCounts,
  type EntityResult,
  lenientChunks,
  type Scheme,
  schemeOf,
  strictChunks,
} from '../../metrics/entities.js';
import type { MeasuredBatch, Meter, Results } from '../task.js';
import { WholeTexts } from '../whole-texts.js';
import { ignored } from './labels.js';

export interface TokenResult extends Partial<EntityResult> {
  /** Texts. */
  samples: number;
  /** Words that were scored; of texts with ranges tokens. */
  words: number;
  /** Mean cross-entropy of the words' first pieces, in nats. */
  loss: number;
  /** Share of the words whose tag is the likeliest of their first piece. */
  accuracy: number;
  /** By what the tags' prefixes are; undefined where they have none. */
  scheme?: Scheme;
  /** Entities as the scheme alone allows them. */
  strict?: EntityResult;
}

/** Units of one window: tags by number, and where each is. */
interface Units {
  gold: number[];
  found: number[];
  places: [number, number][];
}

export function tokenMeter(labels: readonly string[]): Meter<TokenResult> {
  const scheme = schemeOf(labels);
  const [lenient, strict] = [new EntityCounts(), new EntityCounts()];
  let [samples, words, loss, hits] = [0, 0, 0, 0];
  const texts = new WholeTexts<Units>();
  const name = (label: number): string => labels[label]!;

  function count(units: Units, gold: Chunk[] | undefined): void {
    samples++;
    if (!scheme) return;
    const found = units.found.map(name);
    // Of words an entity is where its words are, of texts where its characters are.
    const placed = (chunk: Chunk): Chunk =>
      gold ? { ...chunk, start: units.places[chunk.start]![0], end: units.places[chunk.end]![1] } : chunk;
    const tags = units.gold.map(name);
    lenient.add(gold ?? lenientChunks(tags), lenientChunks(found).map(placed));
    strict.add(gold ?? strictChunks(tags, scheme), strictChunks(found, scheme).map(placed));
  }

  return {
    add(results, batch) {
      const { scored, truth, weights, starts, ends } = fieldsOf(batch);
      const tokens = scored.length / rowsOf(batch);
      for (let row = 0; row < batch.samples.length; row++) {
        const units: Units = { gold: [], found: [], places: [] };
        for (let i = row * tokens; i < (row + 1) * tokens; i++) {
          const label = Number(truth[i]);
          if (scored[i] !== 1 || label === ignored || weights[i] === 0) continue;
          const found = Number(results.predictions!.data[i]);
          words++;
          loss += results.losses!.data[i] as number;
          if (found === label) hits++;
          units.gold.push(label);
          units.found.push(found);
          units.places.push([starts[i]!, ends[i]!]);
        }
        const parts = texts.add(batch, row, units);
        if (!parts) continue;
        const all = {
          gold: parts.flatMap(({ gold }) => gold),
          found: parts.flatMap(({ found }) => found),
          places: parts.flatMap(({ places }) => places),
        };
        count(all, rangeChunks(batch, row, labels));
      }
    },
    result(): TokenResult {
      const figures = { samples, words, loss: ratio(loss, words), accuracy: ratio(hits, words) };
      return scheme ? { ...figures, scheme, ...lenient.result(), strict: strict.result() } : figures;
    },
  };
}

/** Entities of a text with ranges; undefined where words are given. */
function rangeChunks({ slices }: MeasuredBatch, row: number, labels: readonly string[]): Chunk[] | undefined {
  const words = ofKind(slices, 'words', 'texts');
  const [ranges, tags] = [ofKind(slices, 'spans', 'ranges'), ofKind(slices, 'spanTags', 'classes')];
  if (!ranges || !tags || (words && words.offsets[row + 1]! > words.offsets[row]!)) return undefined;
  if (tags.offsets[row + 1] === tags.offsets[row]) return undefined;
  return Array.from({ length: ranges.offsets[row + 1]! - ranges.offsets[row]! }, (_, k) => {
    const at = 2 * (ranges.offsets[row]! + k);
    const type = labels[tags.values[tags.offsets[row]! + 1 + 2 * k]!]!.slice(2);
    return { type, start: ranges.values[at]!, end: ranges.values[at + 1]! };
  });
}

/** Rows of a batch with those that fill it up. */
export const rowsOf = ({ inputs }: Pick<MeasuredBatch, 'inputs'>): number => inputs.get('input_ids')!.shape[0]!;

export function fieldsOf({ inputs }: Pick<MeasuredBatch, 'inputs'>) {
  const data = (field: string) => inputs.get(field)!.data;
  return {
    scored: data('scored') as Int32Array,
    words: data('token_words') as Int32Array,
    starts: data('starts') as Int32Array,
    ends: data('ends') as Int32Array,
    truth: data('labels') as ArrayLike<number | bigint>,
    weights: data('sample_weights') as Float32Array,
  };
}

export type { Results };
