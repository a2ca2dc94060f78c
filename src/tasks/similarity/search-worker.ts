// The nearest of many vectors by their dot products, in a thread of its own: products and the choice of the best are
// one small graph of the stock runtime, run for a block of queries after the other.

import { Builder } from '../../onnx/builder.js';
import { encodeGraph } from '../../onnx/encode.js';
import { Graph, infoOf } from '../../onnx/graph.js';
import { serve } from '../../threads/serve.js';
import type { Found, SearchRequest } from './search.js';

const block = 64;

async function search({ queries, documents, size, most, threads }: SearchRequest): Promise<Found> {
  const ort = await import('onnxruntime-node');
  const [count, corpus] = [queries.length / size, documents.length / size];
  const best = Math.min(most, corpus);
  const found: Found = {
    best,
    documents: new Int32Array(new SharedArrayBuffer(4 * count * best)),
    scores: new Float32Array(new SharedArrayBuffer(4 * count * best)),
  };
  if (best === 0) return found;
  const rows = Math.min(block, count);
  const options = { intraOpNumThreads: threads, logSeverityLevel: 4 as const };
  const session = await ort.InferenceSession.create(searchGraph(rows, size, corpus, best), options);
  const b = new ort.Tensor('float32', transposed(documents, size), [size, corpus]);
  try {
    for (let first = 0; first < count; first += rows) {
      // The last block goes over rows of the one before once more.
      const from = Math.min(first, count - rows);
      const a = new ort.Tensor('float32', queries.slice(from * size, (from + rows) * size), [rows, size]);
      const { scores, at } = await session.run({ a, b });
      found.scores.set(scores!.data as Float32Array, from * best);
      found.documents.set(Int32Array.from(at!.data as BigInt64Array, Number), from * best);
    }
  } finally {
    await session.release();
  }
  return found;
}

/** a [rows, size] · b [size, documents] → the scores and places of the best, equal ones by their place. */
function searchGraph(rows: number, size: number, documents: number, best: number): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const [x, y] = [b.input('a', 'float32', [rows, size]), b.input('b', 'float32', [size, documents])];
  const products = b.op('MatMul', [x, y]);
  b.append({ name: 'best', op: 'TopK', inputs: [products, b.ints([best])], outputs: ['scores', 'at'] });
  graph.outputs = [infoOf(graph, 'scores'), infoOf(graph, 'at')];
  return encodeGraph(graph);
}

function transposed(vectors: Float32Array, size: number): Float32Array {
  const count = vectors.length / size;
  const out = new Float32Array(vectors.length);
  for (let i = 0; i < count; i++) for (let k = 0; k < size; k++) out[k * count + i] = vectors[i * size + k]!;
  return out;
}

serve({ default: search });
