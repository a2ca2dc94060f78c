// From stored pixels to the numbers of a model's input, one picture at a time: uint8 is rescaled and normalised through
// a table of its 256 values for each channel, floats are taken as they are. The axes go from the data's order to the
// model's.

import { convertFloat } from '../../onnx/convert.js';
import { Tensor } from '../../onnx/tensor.js';
import type { Preprocessing } from './preprocessing.js';

export type PixelType = 'uint8' | 'float16' | 'float32';
export type Layout = 'NCHW' | 'NHWC';

/** Of one picture. */
export interface ImageShape {
  channels: number;
  height: number;
  width: number;
  layout: Layout;
}

export const pixelBytes: Readonly<Record<PixelType, number>> = { uint8: 1, float16: 2, float32: 4 };

/** Numbers of one picture. */
export const pixelsOf = ({ channels, height, width }: ImageShape): number => channels * height * width;

/** Whether pictures of one shape have the size and channels of the other, whatever the order of their axes. */
export const sameSize = (a: ImageShape, b: ImageShape): boolean =>
  a.channels === b.channels && a.height === b.height && a.width === b.width;

/** [C, H, W] or [H, W, C] */
export const rowShape = ({ channels, height, width, layout }: ImageShape): number[] =>
  layout === 'NCHW' ? [channels, height, width] : [height, width, channels];

/** Value of each uint8 by channel: [C · 256], in the order in which the model has the channels. */
export function pixelTable(preprocessing: Preprocessing, channels: number): Float32Array {
  const { rescale, offset, mean, std, flipChannels } = preprocessing;
  const table = new Float32Array(channels * 256);
  for (let c = 0; c < channels; c++) {
    const from = flipChannels ? channels - 1 - c : c;
    for (let v = 0; v < 256; v++) table[c * 256 + v] = (v * rescale + offset - mean[from]!) / std[from]!;
  }
  return table;
}

/**
 * Writes one picture.
 * @param raw its bytes, in the data's layout and this machine's byte order
 * @param table of pixelTable
 * @param out as many numbers as the picture has, in the model's layout
 */
export function writePixels(
  raw: Uint8Array,
  {
    type,
    shape,
    to,
    flip,
    table,
  }: { type: PixelType; shape: ImageShape; to: Layout; flip: boolean; table: Float32Array },
  out: Float32Array,
): void {
  const { channels, height, width, layout } = shape;
  const places = height * width;
  const values = type === 'uint8' ? raw : floats(raw, type);
  const [inStep, outStep] = [layout === 'NCHW' ? 1 : channels, to === 'NCHW' ? 1 : channels];
  for (let c = 0; c < channels; c++) {
    const source = flip ? channels - 1 - c : c;
    let at = layout === 'NCHW' ? source * places : source;
    let into = to === 'NCHW' ? c * places : c;
    // Separate loops, since this is where the time of feeding pictures goes.
    if (type === 'uint8') {
      const base = c * 256;
      for (let i = 0; i < places; i++, at += inStep, into += outStep) out[into] = table[base + values[at]!]!;
    } else for (let i = 0; i < places; i++, at += inStep, into += outStep) out[into] = values[at]!;
  }
}

/** The bytes as numbers; copied where they do not lie on a multiple of their size. */
function floats(raw: Uint8Array, type: 'float16' | 'float32'): Float32Array {
  const bytes = pixelBytes[type];
  const { buffer, byteOffset, byteLength } = raw.byteOffset % bytes === 0 ? raw : raw.slice();
  const count = byteLength / bytes;
  if (type === 'float32') return new Float32Array(buffer, byteOffset, count);
  const halves = Tensor.view('float16', [count], new Uint16Array(buffer, byteOffset, count));
  return convertFloat(halves, 'float32').data() as Float32Array;
}
