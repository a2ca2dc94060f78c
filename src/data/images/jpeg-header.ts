// What the header of a JPEG says before anything is decoded: size, how its pixels are stored, and which way up it is to
// be shown. Source: ITU-T T.81 (JPEG), annex B; Exif 2.3, section 4.6.

/** Of one JPEG. */
export interface JpegHeader {
  width: number;
  height: number;
  /** 1 grey, 3 colours, 4 CMYK or YCCK. */
  components: number;
  /** Bits of a number; 8 nearly always. */
  precision: number;
  /** Coded by Huffman's or arithmetic codes of blocks, whole or progressive; not losslessly. */
  blocks: boolean;
  /** Size in pixels of the blocks that are coded together. */
  block: { width: number; height: number };
  /** An Adobe segment says how colours are stored. */
  adobe: boolean;
  /** As Exif numbers it: 1 upright, 2 to 8 mirrored or turned. */
  orientation: number;
}

const marker = { start: 0xd8, app1: 0xe1, app14: 0xee, scan: 0xda, end: 0xd9 };

/** The header of a JPEG; undefined for what is none or is cut before its size. */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== marker.start) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation = 1;
  let adobe = false;
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const code = bytes[at + 1]!;
    // Fill bytes, and markers without content.
    if (code === 0xff || code === 0x01 || (code >= 0xd0 && code <= 0xd7)) {
      at += code === 0xff ? 1 : 2;
      continue;
    }
    if (code === marker.scan || code === marker.end) return undefined;
    const length = view.getUint16(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) return undefined;
    if (code === marker.app1) orientation = orientationOf(bytes.subarray(at + 4, end)) ?? orientation;
    if (code === marker.app14) adobe ||= isAdobe(bytes.subarray(at + 4, end));
    if (isFrame(code)) {
      const frame = frameOf(view, at + 4, end, code);
      return frame && { ...frame, orientation, adobe };
    }
    at = end;
  }
  return undefined;
}

/** SOF0 to SOF15 without DHT, JPG and DAC among them. */
const isFrame = (code: number): boolean => code >= 0xc0 && code <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(code);
const lossless = [0xc3, 0xc7, 0xcb, 0xcf];

const isAdobe = (segment: Uint8Array): boolean =>
  segment.length >= 12 && Buffer.from(segment.subarray(0, 5)).toString('latin1') === 'Adobe';

function frameOf(
  view: DataView,
  at: number,
  end: number,
  code: number,
): Omit<JpegHeader, 'orientation' | 'adobe'> | undefined {
  if (at + 6 > end) return undefined;
  const components = view.getUint8(at + 5);
  if (at + 6 + 3 * components > end) return undefined;
  let [across, down] = [1, 1];
  for (let c = 0; c < components; c++) {
    const factors = view.getUint8(at + 7 + 3 * c);
    across = Math.max(across, factors >> 4);
    down = Math.max(down, factors & 15);
  }
  // A single component is coded block by block, whatever it says.
  if (components === 1) [across, down] = [1, 1];
  const [height, width] = [view.getUint16(at + 1), view.getUint16(at + 3)];
  if (width === 0 || height === 0) return undefined;
  return {
    width,
    height,
    components,
    precision: view.getUint8(at),
    blocks: !lossless.includes(code),
    block: { width: 8 * across, height: 8 * down },
  };
}

/** Tag 0x0112 of the first directory of an Exif segment. */
function orientationOf(segment: Uint8Array): number | undefined {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  if (segment.length < 14 || view.getUint32(0) !== 0x45786966 /* Exif */) return undefined;
  const tiff = 6;
  const little = view.getUint16(tiff) === 0x4949;
  const directory = tiff + view.getUint32(tiff + 4, little);
  if (directory + 2 > segment.length) return undefined;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > segment.length) return undefined;
    if (view.getUint16(entry, little) !== 0x0112) continue;
    const value = view.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}
