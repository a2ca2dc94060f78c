// Randomness as a function: the same (seed, stream, index) gives the same number on every machine and with any number
// of workers. Used where numbers are drawn in JavaScript: shuffling and initial weights. Dropout masks come from
// the generator of the `ortune.Dropout` operator instead.

/** A uint32 from three integers; each bit of the input changes about half of the bits of the result. */
export function hash(seed: number, stream: number, index: number): number {
  let h = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 0x7f4a7c15, 0x85ebca77)) >>> 0;
  h = mix(h);
  return mix((h + Math.imul(index, 0x9e3779b9)) >>> 0);
}

// Bit mixer by C. Wellons ("hash prospector", public domain): two xor-shift-multiply rounds, full avalanche.
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}

/** In [0, 1). */
export const uniform = (seed: number, stream: number, index: number): number => hash(seed, stream, index) / 2 ** 32;

/** Standard normal numbers by Box and Muller's method, element i from the hashes 2i and 2i+1. */
export function normals(seed: number, stream: number, length: number, deviation = 1): Float32Array {
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const radius = Math.sqrt(-2 * Math.log1p(-uniform(seed, stream, 2 * i)));
    out[i] = deviation * radius * Math.cos(2 * Math.PI * uniform(seed, stream, 2 * i + 1));
  }
  return out;
}
