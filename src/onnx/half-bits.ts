// Numbers as the bits of float16 and bfloat16, which is how JavaScript holds them, rounded to nearest, ties to even.
// Both ways go through the bits of a float32.

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** float32 bits → float16 bits. */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and up round to infinity
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Below 2^-14 the result counts steps of 2^-24; 1024 steps are the smallest normal number's bits.
  u32[0] = magnitude;
  const steps = f32[0]! * 2 ** 24;
  const floor = Math.floor(steps);
  const up = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 === 1);
  return sign | (up ? floor + 1 : floor);
}

/** float16 bits → number. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** float32 bits → bfloat16 bits. */
function toBrain(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) & 0x8000) | 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The number's bits in a 16-bit type. */
export function roundTo(dtype: 'float16' | 'bfloat16'): (value: number) => number {
  const round = dtype === 'float16' ? toHalf : toBrain;
  return (value) => {
    f32[0] = value;
    return round(u32[0]!);
  };
}
