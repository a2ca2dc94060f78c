// From decoded pixels to a finished sample: draws the sample's program and has the addon run it. Without augmentation
// pictures are resized and cropped as the model's preprocessing says, which is what evaluation and prediction do. One
// renderer serves one thread.

import { ModelError } from '../../../errors.js';
import { addon } from '../../../runtime/native.js';
import type { Need, Picture, SampleKey } from '../picture.js';
import type { ImageShape } from '../pixels.js';
import type { Preprocessing, Size } from '../preprocessing.js';
import { type Augmentation, type Chain, chainOf } from './chain.js';
import { Rng, seedOf } from './draws.js';
import { scaledTo } from './geometry.js';
import { Program, type ResampleFilter } from './program.js';

export interface RendererOptions {
  /** In which the model reads every picture. */
  shape: ImageShape;
  preprocessing: Preprocessing;
  /** Default: none. */
  augmentation?: Augmentation | undefined;
}

const [flipped, channelsLast] = [1, 2];

export class Renderer {
  readonly #shape: ImageShape;
  readonly #preprocessing: Preprocessing;
  readonly #filter: ResampleFilter;
  readonly #chain: Chain;
  readonly #finish: Float32Array;
  readonly #flags: number;

  /** @throws ModelError for a preprocessing that names a filter which there is not */
  constructor({ shape, preprocessing, augmentation = [] }: RendererOptions) {
    this.#shape = shape;
    this.#preprocessing = preprocessing;
    this.#filter = filterOf(preprocessing.resample);
    this.#chain = chainOf(augmentation);
    this.#finish = finishOf(preprocessing, shape.channels);
    this.#flags = (preprocessing.flipChannels ? flipped : 0) | (shape.layout === 'NHWC' ? channelsLast : 0);
  }

  /**
   * What of a picture of this size its sample is made from, so that no more need be decoded; undefined for all of it.
   */
  need(size: Size, key: SampleKey): Need | undefined {
    const first = this.#program(size, key).first;
    return first && { ...first.from, enough: first.to };
  }

  /**
   * Writes one sample.
   * @param out as many numbers as the shape has
   * @throws RangeError for a chain that cannot be applied to this picture
   */
  render({ data, width, height, channels, part }: Picture, key: SampleKey, out: Float32Array): void {
    const program = this.#program(part?.of ?? { width, height }, key);
    const numbers = program.finish(part && { shown: part, pixels: { width, height } });
    const { height: high, width: wide } = this.#shape;
    addon().renderPicture(data, [height, width, channels], numbers, this.#finish, this.#flags, out, [high, wide]);
  }

  #program(size: Size, key: SampleKey): Program {
    const { height, width } = this.#shape;
    const program = new Program(size);
    if (!this.#chain.sizes) this.#prepare(program);
    const seed = seedOf(key);
    for (let i = 0; i < this.#chain.length; i++) {
      if (this.#chain.finished(i)) this.#fit(program);
      this.#chain.draw(i, { program, draws: new Rng(seed, i), target: { height, width } });
    }
    this.#fit(program);
    return program;
  }

  /** A chain may lead to another size than the model's. */
  #fit(program: Program): void {
    const { height, width } = this.#shape;
    const { size } = program;
    if (size.height !== height || size.width !== width)
      program.resample(this.#filter, { left: 0, top: 0, ...size }, { height, width });
  }

  /** Resizes and crops as the model's image processor does. */
  #prepare(program: Program): void {
    const { resize, crop } = this.#preprocessing;
    if (resize) {
      const to = 'shortestEdge' in resize ? scaledTo(program.size, resize.shortestEdge) : resize;
      program.resample(this.#filter, { left: 0, top: 0, ...program.size }, to);
    }
    if (!crop) return;
    const [x, y] = [crop.width - program.size.width, crop.height - program.size.height].map((n) => Math.max(0, n));
    const [left, top] = [Math.ceil(x! / 2), Math.ceil(y! / 2)];
    if (x! + y! > 0) program.pad({ left, top, right: x! - left, bottom: y! - top }, 'constant', [0]);
    const { width, height } = program.size;
    program.crop({ left: (width - crop.width) >> 1, top: (height - crop.height) >> 1, ...crop });
  }
}

/** By Pillow's numbers, which preprocessor_config.json has. */
function filterOf(resample: number): ResampleFilter {
  const filter = ({ 0: 'nearestExact', 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' } as const)[resample];
  if (filter) return filter;
  throw new ModelError(
    `preprocessor_config.json: resample is ${resample}, expected 0 (nearest), 1 (Lanczos), 2 (bilinear) or 3 (bicubic)`,
  );
}

/** A scale for each of the model's channels, then a bias for each: (pixel * rescale + offset - mean) / std. */
function finishOf({ rescale, offset, mean, std, flipChannels }: Preprocessing, channels: number): Float32Array {
  const out = new Float32Array(2 * channels);
  for (let c = 0; c < channels; c++) {
    const from = flipChannels ? channels - 1 - c : c;
    out[c] = rescale / std[from]!;
    out[channels + c] = (offset - mean[from]!) / std[from]!;
  }
  return out;
}
