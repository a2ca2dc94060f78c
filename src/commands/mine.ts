// Hard negatives: for each pair the texts that a model takes for answers to its first text and that belong to others.
// A function of the model, the pairs and the options alone: the nearest are taken in order, nothing is drawn.

import type { MineConfig } from '../config/embed-schema.js';
import { writeAtomically } from '../files/atomic-file.js';
import { resolveModel } from '../models/hub.js';
import { directoryOf } from '../onnx/load.js';
import { readModules } from '../tasks/similarity/modules.js';
import { nearest } from '../tasks/similarity/search.js';
import { embedTexts } from './embed.js';

export interface MineOptions {
  negatives: number;
  skip: number;
  within: number;
  marginBelow: number;
  relativeMargin: number;
  maxScore?: number | undefined;
}

export interface Pair {
  text: string;
  pair: string;
}

export interface Mined extends Pair {
  negatives: string[];
}

/** Each text once, and where it is. */
export function distinct(texts: readonly string[]): { texts: string[]; at: Map<string, number> } {
  const at = new Map<string, number>();
  for (const text of texts) if (!at.has(text)) at.set(text, at.size);
  return { texts: [...at.keys()], at };
}

/**
 * The pairs that have enough negatives, in their order.
 * @param vectors of length 1, of the distinct first texts and the distinct second ones
 */
export async function mineNegatives(
  pairs: readonly Pair[],
  vectors: { queries: Float32Array; documents: Float32Array; size: number },
  { negatives, skip, within, marginBelow, relativeMargin, maxScore = Number.POSITIVE_INFINITY }: MineOptions,
): Promise<Mined[]> {
  const [queries, documents] = [distinct(pairs.map(({ text }) => text)), distinct(pairs.map(({ pair }) => pair))];
  const own = new Map<string, Set<number>>();
  for (const { text, pair } of pairs) {
    const known = own.get(text) ?? new Set();
    own.set(text, known.add(documents.at.get(pair)!));
  }
  const most = Math.max(...[...own.values()].map(({ size }) => size));
  const found = await nearest({ ...vectors, most: within + most });
  const { queries: q, documents: d, size } = vectors;
  return pairs.flatMap(({ text, pair }) => {
    const [at, positive] = [queries.at.get(text)!, documents.at.get(pair)!];
    let score = 0;
    for (let k = 0; k < size; k++) score += q[at * size + k]! * d[positive * size + k]!;
    const largest = Math.min(maxScore, score - marginBelow, relativeMargin > 0 ? score * (1 - relativeMargin) : score);
    const bounded = maxScore < Number.POSITIVE_INFINITY || marginBelow > 0 || relativeMargin > 0;
    const ranked: { document: number; score: number }[] = [];
    for (let i = at * found.best; i < (at + 1) * found.best; i++)
      if (!own.get(text)!.has(found.documents[i]!))
        ranked.push({ document: found.documents[i]!, score: found.scores[i]! });
    const hard = ranked
      .slice(skip, within)
      .filter((one) => !bounded || one.score <= largest)
      .slice(0, negatives);
    return hard.length < negatives
      ? []
      : [{ text, pair, negatives: hard.map(({ document }) => documents.texts[document]!) }];
  });
}

/** Writes them as rows, the columns of the pairs by their names. */
export function writeMined(
  path: string,
  mined: readonly Mined[],
  { textColumn, pairColumn }: { textColumn: string; pairColumn: string },
): void {
  const rows = mined.map(({ text, pair, negatives }) => {
    const more = negatives.map((negative, i) => [`negative${i + 1}`, negative]);
    return `${JSON.stringify({ [textColumn]: text, [pairColumn]: pair, ...Object.fromEntries(more) })}\n`;
  });
  writeAtomically(path, Buffer.from(rows.join('')));
}

/** What was written. */
export interface MineResult {
  output: string;
  pairs: number;
  /** Pairs with fewer negatives than asked for. */
  leftOut: number;
}

/**
 * Finds and writes them; first texts get the prompt query of the model directory, second ones document, where there are
 * such.
 * @throws UsageError, ModelError
 */
export async function minePairs(
  { output, ...config }: MineConfig,
  pairs: readonly Pair[],
  hooks: Parameters<typeof embedTexts>[2],
): Promise<MineResult> {
  const { model: named, threads, workers, batchSize, maxLength, buckets, pooling } = config;
  const model = await resolveModel(named, hooks);
  const { prompts = {} } = readModules(directoryOf(model)) ?? {};
  const embed = (texts: readonly string[], prompt: string) =>
    embedTexts(
      {
        ...{ model, threads, workers, batchSize, maxLength, buckets, pooling },
        normalize: true,
        ...(prompt in prompts && { prompt }),
      },
      texts,
      hooks,
    );
  const queries = await embed(distinct(pairs.map(({ text }) => text)).texts, 'query');
  const documents = await embed(distinct(pairs.map(({ pair }) => pair)).texts, 'document');
  const vectors = { queries: queries.data, documents: documents.data, size: queries.size };
  const mined = await mineNegatives(pairs, vectors, config);
  writeMined(output, mined, { textColumn: config.textColumn, pairColumn: config.pairColumn! });
  return { output, pairs: mined.length, leftOut: pairs.length - mined.length };
}
