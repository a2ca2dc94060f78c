// Writes the pictures of a table as a packed file: uint8 pixels, channels last, as `pixel_values` [N, H, W, C] where
// all have one size, else as `pixels`, one picture behind the other, with `heights` and `widths`; and their `labels`:
// [N], or [N, classes] of numbers; and weights where there are any. Pictures that cannot be decoded are left out.

import { builtFile } from '../../built.js';
import { DataError } from '../../errors.js';
import { columnKind } from '../column-kinds.js';
import { ofKind } from '../columns.js';
import type { PictureLimits } from '../images/picture-names.js';
import type { PlacedRemark } from '../images/remarks.js';
import { labelTensor, packedTensor, pixelTensor } from '../images/tensor-file.js';
import { locationOf, pictureSources, type Table } from '../table.js';
import type { PackSize } from './fit-picture.js';
import { type PackProgress, packBlocks } from './pack-blocks.js';
import { float32, int32, int64, type PackedTensor, PackWriter } from './pack-writer.js';
import type { PixelBlock, PixelTask, PixelWorkerData } from './pixel-worker.js';

export interface PackImagesOptions extends PictureLimits {
  table: Table;
  /** SHA-256 of the pictures, their labels and weights. */
  hash: string;
  /** Names of the classes, or only how many there are; undefined where there are no labels. */
  labels: readonly string[] | undefined;
  named: boolean;
  /** What the tensor of the weights is called. */
  weightColumn?: string | undefined;
  output: string;
  size: PackSize;
  channels: number;
  workers?: number | undefined;
  /** Told of each picture that is left out; what it throws ends the work. */
  bad(sample: { place: string; reason: string }): void;
  /** Told of what is to be known of pictures. */
  remark(remark: PlacedRemark): void;
  onProgress?: ((progress: PackProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface PackedImages {
  samples: number;
  bytes: number;
  sha256: string;
}

/** A block of 16 pictures takes no more, or is one of fewer: so memory does not grow with their size. */
const blockBytes = 4 * 2 ** 20;

function blockSamplesOf(size: PackSize, channels: number): number {
  const { height, width } = 'edge' in size ? { height: size.edge, width: size.edge } : size;
  return Math.min(16, Math.max(1, Math.floor(blockBytes / (height * width * channels))));
}

/**
 * @returns undefined when it was aborted; the same call goes on then
 * @throws DataError where no picture can be decoded, and for floats; what `bad` throws; the system's error
 */
export async function packImages(options: PackImagesOptions): Promise<PackedImages | undefined> {
  const { table, hash, labels, named, output, size, channels, maxPixels, maxPictureBytes } = options;
  const sources = pictureSources(table);
  const floats = sources.find((source) => source.kind === 'pixels' && source.type !== 'uint8');
  if (floats) throw new DataError(`${floats.name} holds floats, and packed pictures are uint8; train on it as it is`);
  const more = {
    layout: 'NHWC',
    channels: String(channels),
    size: 'edge' in size ? String(size.edge) : `${size.height}x${size.width}`,
    source_sha256: hash,
    ...(labels && named && { label_names: JSON.stringify(labels) }),
  };
  const blockSamples = blockSamplesOf(size, channels);
  const limits = { maxPixels, maxPictureBytes };
  const key = { samples: table.count, blockSamples, ...limits };
  const writer = await PackWriter.open<PixelBlock>(output, { kind: 'images', more, key });
  try {
    const workerData: PixelWorkerData = { size, channels, ...limits };
    const bad = new Set<number>();
    let first = 0;
    const taken = (block: PixelBlock): void => {
      for (const { row, reason } of block.bad) {
        bad.add(first + row);
        options.bad({ place: locationOf(table, first + row), reason });
      }
      for (const { row, ...remark } of block.remarks ?? [])
        options.remark({ ...remark, place: locationOf(table, first + row) });
      first += blockSamples;
    };
    const whole = await packBlocks<PixelTask, PixelBlock>(writer, {
      ...options,
      ...{ samples: table.count, blockSamples, workerData, taken },
      worker: builtFile('data/pack/pixel-worker.js'),
      task: (from, end) => taskOf(table, from, end),
    });
    if (!whole) return undefined;
    const sizes = writer.blocks.flatMap((block) => block.sizes);
    if (sizes.length === 0) throw new DataError(`no picture of ${sources[0]!.name} can be decoded`);
    const kept = Uint32Array.from({ length: table.count }, (_, i) => i).filter((i) => !bad.has(i));
    const [pixels, places] = pixelTensors(sizes, size, channels, writer.bytes);
    const sha256 = await writer.finish(pixels, [
      ...(labels ? [targetsOf(table, kept)] : []),
      ...(table.weight ? [float32(options.weightColumn!, [kept.length], kept, (i) => table.weight![i]!)] : []),
      ...places,
    ]);
    return { samples: kept.length, bytes: writer.size, sha256 };
  } finally {
    await writer.close();
  }
}

function taskOf(table: Table, from: number, end: number): PixelTask {
  const members = Uint32Array.from({ length: end - from }, (_, i) => from + i);
  const pictures = ofKind(table.columns, 'image', 'picture')!;
  return columnKind(pictures).take(pictures, members, {});
}

/** What the pixels are, and the tensors that say where each picture lies. */
function pixelTensors(
  sizes: PixelBlock['sizes'],
  size: PackSize,
  channels: number,
  bytes: number,
): [Omit<PackedTensor, 'data'>, PackedTensor[]] {
  const dtype = 'U8';
  if (!('edge' in size))
    return [{ name: pixelTensor, dtype, shape: [sizes.length, size.height, size.width, channels] }, []];
  return [
    { name: packedTensor, dtype, shape: [bytes] },
    [
      int32(
        'heights',
        sizes.map(([height]) => height),
      ),
      int32(
        'widths',
        sizes.map(([, width]) => width),
      ),
    ],
  ];
}

function targetsOf({ columns }: Table, kept: Uint32Array): PackedTensor {
  const targets = ofKind(columns, 'targets', 'numbers');
  if (!targets) {
    const { values } = ofKind(columns, 'label', 'class')!;
    return int64(
      labelTensor,
      Array.from(kept, (i) => values[i]!),
    );
  }
  const { values, width } = targets;
  const places = Uint32Array.from(
    { length: kept.length * width },
    (_, k) => kept[Math.floor(k / width)]! * width + (k % width),
  );
  return float32(labelTensor, [kept.length, width], places, (at) => values[at]!);
}
