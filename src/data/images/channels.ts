// Pixels with another number of channels, by Pillow's arithmetic.

/** The same pixels with another number of channels: grey by the weights of JPEG, colours from grey alike. */
export function withChannels(data: Uint8Array, from: number, to: number): Uint8Array {
  if (from === to) return data;
  const count = data.length / from;
  const out = new Uint8Array(count * to);
  for (let i = 0; i < count; i++) {
    const [r, g, b] =
      from >= 3 ? [data[i * from]!, data[i * from + 1]!, data[i * from + 2]!] : Array(3).fill(data[i * from]!);
    if (to === 1) out[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    else {
      out[i * to] = r;
      out[i * to + 1] = g;
      out[i * to + 2] = b;
      if (to === 4) out[i * to + 3] = 255;
    }
  }
  return out;
}

/** a · b / 255, rounded. */
const product = (a: number, b: number): number => {
  const scaled = a * b + 128;
  return ((scaled >> 8) + scaled) >> 8;
};

/** Red, green and blue of cyan, magenta, yellow and black: Pillow's conversion, which knows no profiles. */
export function coloursOfCmyk(data: Uint8Array, { inverted }: { inverted: boolean }): Uint8Array {
  const count = data.length / 4;
  const out = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    const white = inverted ? data[4 * i + 3]! : 255 - data[4 * i + 3]!;
    for (let c = 0; c < 3; c++) {
      const ink = inverted ? 255 - data[4 * i + c]! : data[4 * i + c]!;
      out[3 * i + c] = white - product(ink, white);
    }
  }
  return out;
}
