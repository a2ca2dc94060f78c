// Whether an encoder and a decoder are of one model: their files may fit each other by shape and be of two. In most
// families both look their tokens up in one table, which each file has a copy of; where the copies differ, the files do
// not belong together.

import type { Graph } from '../../onnx/graph.js';
import { quote } from '../../quote.js';
import type { ModelConfig } from '../../transfer/config.js';
import { embeddingTable } from '../../transfer/embedding.js';
import { decoderInput } from './encode.js';

/** Families whose encoder and decoder share their table of tokens. */
const sharing = new Set('t5 mt5 umt5 longt5 bart mbart m2m_100 nllb-moe pegasus blenderbot'.split(' '));

/** Why the files are not of one model; undefined: nothing speaks against it. */
export function notOneModel(graph: Graph, config: ModelConfig): string | undefined {
  const { model_type: type = '', share_encoder_decoder_embeddings: shares } = config;
  if (!(sharing.has(type) || (type === 'marian' && shares !== false))) return undefined;
  const [read, written] = ['input_ids', decoderInput].map((input) => {
    const name = embeddingTable(graph, input);
    return name === undefined ? undefined : graph.initializers.get(name);
  });
  // What is stored in different ways cannot be compared.
  if (!read || !written || read.dtype !== written.dtype) return undefined;
  const [one, other] = [read, written].map(({ shape }) => shape.join(' x '));
  const differ = one === other ? Buffer.compare(read.bytes(), written.bytes()) !== 0 : true;
  if (!differ) return undefined;
  return (
    `the files are not of one model: the tables in which encoder and decoder look up tokens ` +
    `${one === other ? `(${one}) have other values` : `have ${one} and ${other} numbers`}, and a model of type ${quote(type)} has one for both. ` +
    'Export the files together.'
  );
}
