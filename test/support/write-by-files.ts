// Greedy writing by the files of an encoder-decoder model that transformers.js does not open and optimum does: the
// decoder without a cache, which reads all tokens again, or with its sibling that goes on from a cache.

import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';

type Values = Record<string, Tensor>;

const int64 = (rows: readonly number[]): Tensor =>
  new Tensor('int64', BigInt64Array.from(rows, BigInt), [1, rows.length]);

/** The token of the last place that is the likeliest. */
function likeliest({ data, dims }: Tensor): number {
  const words = dims[2]!;
  const last = Array.from(data as Float32Array).slice(-words);
  return last.indexOf(Math.max(...last));
}

/**
 * @param begin tokens that the decoder starts with, and is forced to
 * @returns all tokens, those of the beginning too
 */
export async function writeByFiles(
  directory: string,
  source: readonly number[],
  { begin, end, most, cache }: { begin: readonly number[]; end: number; most: number; cache: boolean },
): Promise<number[]> {
  const open = (name: string) =>
    InferenceSession.create(join(directory, 'onnx', `${name}.onnx`), { intraOpNumThreads: 1 });
  const [encoder, decoder] = [await open('encoder_model'), await open('decoder_model')];
  const further = cache ? await open('decoder_with_past_model') : undefined;
  const mask = int64(source.map(() => 1));
  const { last_hidden_state: hidden } = await encoder.run({ input_ids: int64(source), attention_mask: mask });
  const fed: Values = { encoder_hidden_states: hidden!, encoder_attention_mask: mask };
  const run = (session: InferenceSession, values: Values) =>
    session.run(Object.fromEntries(session.inputNames.map((name) => [name, values[name]!])));
  const tokens = [...begin];
  let past: Values = {};
  do {
    const first = !further || Object.keys(past).length === 0;
    const read = first ? tokens : tokens.slice(-1);
    const found = (await run(first ? decoder : further, { ...fed, ...past, input_ids: int64(read) })) as Values;
    const kept = Object.entries(found).filter(([name]) => name.startsWith('present'));
    past = {
      ...past,
      ...Object.fromEntries(kept.map(([name, value]) => [name.replace('present', 'past_key_values'), value])),
    };
    tokens.push(likeliest(found.logits!));
  } while (tokens.length <= most && tokens.at(-1) !== end);
  for (const session of [encoder, decoder, further]) await session?.release();
  return tokens;
}
