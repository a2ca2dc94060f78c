// Seeded normal numbers for initial weights, fast enough that building a model costs less than opening one.
// Box-Muller over two tables: each 32-bit draw picks one of 65,536 radii and one of 65,536 angles and gives two
// numbers. The tails end at 4.85 standard deviations, beyond what initial weights need; this is no generator for
// statistics. Bits depend on the seed only: Math.log, cos and sin are the same code on every platform's V8.

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

/** A stream of uint32 from a seed (Vigna's SplitMix idea with Murmur3's 32-bit finaliser). */
export function randomUint32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

/** Fills `out` with normal(0, deviation) from the stream. */
export function fillNormal(out: Float32Array, deviation: number, random: () => number): void {
  tables ??= makeTables();
  const { radius, cos, sin } = tables;
  for (let i = 0; i < out.length; i += 2) {
    const bits = random();
    const r = radius[bits >>> 16]! * deviation;
    out[i] = r * cos[bits & 0xffff]!;
    if (i + 1 < out.length) out[i + 1] = r * sin[bits & 0xffff]!;
  }
}
