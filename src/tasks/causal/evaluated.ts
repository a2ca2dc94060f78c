// What a decoder writes in evaluations: behind the prompts of rows that hold what is to follow them too. A prompt is
// what stands before the first token that counts. Running texts have none: half of one is given, few tokens of a long
// one, and the model goes on from there.

import type { MeasuredBatch, Results, SavedFiles } from '../task.js';
import { rowsOfTokens, view, writtenBehind } from './results.js';

/** Tokens of a running text that are given at most. */
const mostGiven = 32;

/**
 * Results as `continued` has them, and where the prompts lie among the tokens of their rows: `from` and `to`, int32 for
 * each row.
 * @param options `running`: rows have no prompts
 */
export async function writtenInEvaluation(
  files: SavedFiles,
  batch: MeasuredBatch,
  { running, maxNewTokens }: { running: boolean; maxNewTokens: number },
  rows: number,
): Promise<Results> {
  const { maxPositions } = files;
  // What is read and what is written share the positions.
  const most = maxNewTokens < maxPositions ? maxNewTokens : Math.max(1, Math.floor(maxPositions / 2));
  const tokens = rowsOfTokens(batch.inputs, rows);
  const places = tokens.map((ids, row): [from: number, to: number] => {
    const half = Math.max(1, Math.min(mostGiven, Math.floor(ids.length / 2)));
    const to = running ? half : (countedOf(batch, row)[0]?.at ?? ids.length);
    return [Math.max(0, to - (maxPositions - most)), to];
  });
  const prompts = tokens.map((ids, row) => ids.slice(...places[row]!));
  const ends = (end: 0 | 1) =>
    view(
      'int32',
      Int32Array.from(places, (place) => place[end]),
    );
  return { ...(await writtenBehind(files, prompts, most, { kind: 'decoder' })), from: ends(0), to: ends(1) };
}

/**
 * Of a row of a batch and such results: the tokens of the prompt, and those that count behind it, up to what counts
 * again later, such as the next answer of a chat.
 */
export function toldOf(results: Results, batch: MeasuredBatch, row: number): { input: number[]; target: number[] } {
  const ids = rowsOfTokens(batch.inputs, row + 1)[row]!;
  const [from, to] = [Number(results.from!.data[row]), Number(results.to!.data[row])];
  const behind = countedOf(batch, row).filter(({ at }) => at >= to);
  const target = behind.filter(({ at }, i) => at === to + i).map(({ id }) => id);
  return { input: ids.slice(from, to), target };
}

/** The tokens of a row that count, in their order, and their places in it. */
function countedOf({ inputs }: MeasuredBatch, row: number): { at: number; id: number }[] {
  const length = inputs.get('input_ids')!.shape[1]!;
  const [positions, labels, weights] = ['target_positions', 'labels', 'sample_weights'].map((name) =>
    Array.from(inputs.get(name)!.data as ArrayLike<number | bigint>, Number),
  );
  return positions!
    .map((position, i) => ({ at: position - row * length + 1, id: labels![i]!, weight: weights![i]! }))
    .filter(({ at, weight }) => weight > 0 && at >= 1 && at <= length);
}
