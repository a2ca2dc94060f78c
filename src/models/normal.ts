// Normal numbers for initial weights, fast enough that building a model costs less than opening one (random.ts draws
// exact ones, five times slower). Box and Muller's method over two tables: each 32-bit hash picks one of 65,536 radii
// and one of 65,536 angles and gives two numbers. The tails end at 4.85 standard deviations, beyond what initial
// weights need.

import { hash, uniform } from '../random.js';

const SIZE = 65_536;
let tables: { radius: Float32Array; cos: Float32Array; sin: Float32Array } | undefined;

function makeTables() {
  const radius = new Float32Array(SIZE);
  const cos = new Float32Array(SIZE);
  const sin = new Float32Array(SIZE);
  for (let i = 0; i < SIZE; i++) {
    const u = (i + 0.5) / SIZE;
    radius[i] = Math.sqrt(-2 * Math.log(u));
    cos[i] = Math.cos(2 * Math.PI * u);
    sin[i] = Math.sin(2 * Math.PI * u);
  }
  return { radius, cos, sin };
}

/** `length` numbers from normal(0, deviation), a function of seed and stream. */
export function normalWeights(seed: number, stream: number, length: number, deviation: number): Float32Array {
  tables ??= makeTables();
  const { radius, cos, sin } = tables;
  const out = new Float32Array(length);
  for (let i = 0; i < length; i += 2) {
    const bits = hash(seed, stream, i);
    const r = radius[bits >>> 16]! * deviation;
    out[i] = r * cos[bits & 0xffff]!;
    if (i + 1 < length) out[i + 1] = r * sin[bits & 0xffff]!;
  }
  return out;
}

/** The initial weights of one model, tensor by tensor: each draw is a stream of its own. */
export class WeightStream {
  readonly #seed: number;
  #stream: number;

  /** `first`: the stream of the first draw; files of one model draw from different ones. */
  constructor(seed: number, first = 0) {
    this.#seed = seed;
    this.#stream = first;
  }

  normal(elements: number, deviation: number): Float32Array {
    return normalWeights(this.#seed, this.#stream++, elements, deviation);
  }

  /** Between -bound and bound. */
  uniform(elements: number, bound: number): Float32Array {
    const stream = this.#stream++;
    return Float32Array.from({ length: elements }, (_, i) => bound * (2 * uniform(this.#seed, stream, i) - 1));
  }
}
