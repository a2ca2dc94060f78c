// What a network is shown of the training data: some pictures as they are, each followed by what augmentation makes of
// it in the first epochs of a run, on one sheet for a person to look at. The pixels are those of the batches,
// normalisation undone.

import { checkHooks, checkOptions, resolvingKeys } from '../arguments.js';
import { parseOptions } from '../config/options.js';
import { type PreviewConfig, type PreviewOptions, previewSchema } from '../config/preview-schema.js';
import { imageColumns } from '../data/column-specs.js';
import { ofKind } from '../data/columns.js';
import type { ImageEncoding } from '../data/images/encode.js';
import { type ImageShape, pixelsOf } from '../data/images/pixels.js';
import type { Preprocessing } from '../data/images/preprocessing.js';
import { formOf } from '../data/read/form.js';
import { Splits } from '../data/splits.js';
import { ModelError, OrtuneError } from '../errors.js';
import { writeAtomically } from '../files/atomic-file.js';
import { type ResolveOptions, resolveModel } from '../models/hub.js';
import { openModel, toGraph } from '../onnx/load.js';
import { contactSheet, type SheetPicture } from '../report/contact-sheet.js';
import { startLoader } from '../tasks/loader.js';
import type { EncodingPlan, TaskSpec } from '../tasks/task.js';
import { everyTask } from '../tasks/tasks.js';

export interface Preview {
  output: string;
  pictures: number;
  variants: number;
}

/**
 * Writes a PNG of training pictures and their augmented forms.
 * @param options those of `ortune preview`
 * @throws UsageError for a wrong option; ModelError for a model that reads no pictures; DataError for data that cannot
 * be
 *   trained on; the signal's reason
 */
export async function preview(options: PreviewOptions, resolving: ResolveOptions = {}): Promise<Preview> {
  checkOptions(options, 'preview: options');
  checkHooks(resolving, 'preview', resolvingKeys);
  const { signal, onDownload } = resolving;
  const config = parseOptions(previewSchema, options);
  const model = openModel(await resolveModel(config.model, { signal, onDownload }));
  const inputs = toGraph(model).inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const { labelNames, multiLabel, seed } = config;
  const data = await Splits.open(
    {
      train: { files: config.train },
      columns: imageColumns(config),
      form: formOf(config),
      ...{ labelNames, multiLabel, seed, sampling: 'shuffle' },
    },
    signal,
  );
  try {
    const task = everyTask.find(({ opens }) => opens?.({ inputs, config: {} }));
    if (!task?.columns({ ...config, task: task.name }).some(({ kind }) => kind === 'picture'))
      throw new ModelError(`${config.model} reads no pictures; preview shows those that a model of pictures is given`);
    const options = task.options({ ...config, task: task.name }, { soft: data.targets === 'probabilities' });
    const reading = { directory: model.directory, inputs, outputs: [], maxPositions: 0, labels: data.labels.names };
    const plan = await task.plan(reading, { ...config, task: task.name }, [data.train.table!], options);
    const rows = await drawRows(data, plan, { name: task.name, options }, config, signal);
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
  plan: EncodingPlan,
  task: TaskSpec,
  config: PreviewConfig,
  signal: AbortSignal | undefined,
): Promise<SheetPicture[][]> {
  const { variants, seed, workers } = config;
  const batchSize = Math.min(config.pictures, data.train.samples);
  const { names } = data.labels;
  const encoding = plan.encoding as ImageEncoding;
  const loader = startLoader(plan, task, { batchSize, workers });
  const rows: SheetPicture[][] = Array.from({ length: batchSize }, () => []);
  try {
    // Form 0 is the picture itself.
    for (let form = 0; form <= variants; form++) {
      const order = data.train.rows({ batchSize, seed, epoch: 0, signal });
      const draw = form === 0 ? {} : { seed, epoch: form - 1, augment: true };
      for await (const batch of loader.batches(order, { signal, ...draw })) {
        const pixels = batch.inputs.get(encoding.input)!.data as Float32Array;
        for (const [row, label] of ofKind(batch.slices, 'label', 'class')!.values.entries()) {
          const caption = form === 0 ? names[label]! : '';
          rows[row]!.push({ ...toPicture(pixels, row, encoding), caption });
        }
        batch.release();
        break;
      }
    }
  } finally {
    await loader.close();
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
    writeAtomically(output, sheet);
  } catch (error) {
    throw new OrtuneError(`${output} cannot be written: ${(error as Error).message}`);
  }
}
