// What a network is shown of the training data: some pictures as they are, each followed by what augmentation makes of it in the
// first epochs of a run, on one sheet for a person to look at. The pixels are those of the batches, normalisation undone.

import { writeFileSync } from 'node:fs';
import { parseOptions } from '../config/options.js';
import { type PreviewConfig, type PreviewOptions, previewSchema } from '../config/preview-schema.js';
import { imageColumns } from '../data/column-specs.js';
import { targetsAfter } from '../data/images/augment/chain.js';
import { ImageLoader } from '../data/images/image-feeder.js';
import { type ImageShape, pixelsOf } from '../data/images/pixels.js';
import type { Preprocessing } from '../data/images/preprocessing.js';
import { storedShapes } from '../data/images/sources.js';
import { Splits } from '../data/splits.js';
import { pictureSources } from '../data/table.js';
import { OrtuneError } from '../errors.js';
import { type ResolveOptions, resolveModel } from '../models/hub.js';
import { openModel, toGraph } from '../onnx/load.js';
import { contactSheet, type SheetPicture } from '../report/contact-sheet.js';
import { planImages } from '../train/images.js';

export interface Preview {
  output: string;
  pictures: number;
  variants: number;
}

/**
 * Writes a PNG of training pictures and their augmented forms.
 * @param options those of `ortune preview`
 * @throws UsageError for a wrong option; ModelError for a model that reads no pictures; DataError for data that cannot be
 *   trained on; the signal's reason
 */
export async function preview(options: PreviewOptions, { signal, onDownload }: ResolveOptions = {}): Promise<Preview> {
  const config = parseOptions(previewSchema, options);
  const model = openModel(await resolveModel(config.model, { signal, onDownload }));
  const inputs = toGraph(model).inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const { labelNames: labels, multiLabel, seed } = config;
  const data = await Splits.open(
    { train: { files: config.train }, columns: imageColumns(config), labels, multiLabel, seed, sampling: 'shuffle' },
    signal,
  );
  try {
    const plan = planImages(
      { directory: model.directory, inputs },
      config,
      storedShapes(pictureSources(data.train.table!)),
    );
    const rows = await drawRows(data, plan, config, signal);
    const { variants, output } = config;
    const title = 'Each picture as it is, and as a run would augment it in its first epochs';
    const sheet = await contactSheet(rows.flat(), { title, columns: variants + 1, side: 112 });
    write(output, sheet);
    return { output, pictures: rows.length, variants };
  } finally {
    await data.close();
  }
}

/** Of each picture all its forms. */
async function drawRows(
  data: Splits,
  plan: ReturnType<typeof planImages>,
  config: PreviewConfig,
  signal: AbortSignal | undefined,
): Promise<SheetPicture[][]> {
  const { augmentation, variants, seed, workers, maxPixels } = config;
  const batchSize = Math.min(config.pictures, data.train.samples);
  const targets = targetsAfter(augmentation, data.targets);
  const { size: labels, names } = data.labels;
  const feeder = new ImageLoader({ ...plan, augmentation, targets, labels, batchSize, workers, maxPixels });
  const rows: SheetPicture[][] = Array.from({ length: batchSize }, () => []);
  try {
    // Form 0 is the picture itself.
    for (let form = 0; form <= variants; form++) {
      const order = data.train.rows({ batchSize, seed, epoch: 0, signal });
      const draw = form === 0 ? {} : { seed, epoch: form - 1, augment: true };
      for await (const batch of feeder.batches(order, { signal, ...draw })) {
        const pixels = batch.inputs.get(plan.input)!.data as Float32Array;
        for (const [row, label] of batch.labels.entries()) {
          const caption = form === 0 ? names[label]! : '';
          rows[row]!.push({ ...toPicture(pixels, row, plan), caption });
        }
        batch.release();
        break;
      }
    }
  } finally {
    await feeder.close();
  }
  return rows;
}

/** Pixels as they were before normalisation, as red, green and blue. */
function toPicture(
  batch: Float32Array,
  row: number,
  { shape, preprocessing }: { shape: ImageShape; preprocessing: Preprocessing },
): Omit<SheetPicture, 'caption'> {
  const { channels, height, width, layout } = shape;
  const { rescale, offset, mean, std, flipChannels } = preprocessing;
  const places = height * width;
  const values = batch.subarray(row * pixelsOf(shape), (row + 1) * pixelsOf(shape));
  const pixels = new Uint8Array(3 * places);
  for (let c = 0; c < 3; c++) {
    const colour = channels === 1 ? 0 : c;
    const at = flipChannels ? channels - 1 - colour : colour;
    for (let i = 0; i < places; i++) {
      const value = values[layout === 'NCHW' ? at * places + i : i * channels + at]!;
      const pixel = (value * std[colour]! + mean[colour]! - offset) / rescale;
      pixels[3 * i + c] = Math.max(0, Math.min(255, Math.round(pixel)));
    }
  }
  return { pixels, width, height };
}

function write(output: string, sheet: Buffer): void {
  try {
    writeFileSync(output, sheet);
  } catch (error) {
    throw new OrtuneError(`${output} cannot be written: ${(error as Error).message}`);
  }
}
