// Turns pictures into batches: the workers read their pixels and normalise them into slots of the model's layout.

import { availableParallelism } from 'node:os';
import { DataError } from '../../errors.js';
import type { Targets } from '../../tasks/task.js';
import { DataLoader, type LoaderOptions } from '../feeder.js';
import { type Field, slotLayout } from '../slots.js';
import type { Augmentation } from './augment/chain.js';
import type { ImageWorkerData } from './image-thread.js';
import { mostPixels } from './picture-names.js';
import { type ImageShape, rowShape } from './pixels.js';
import type { Preprocessing } from './preprocessing.js';

export interface ImageFeederOptions extends LoaderOptions {
  /** Name of the model's input. */
  input: string;
  /** In which the model reads every picture. */
  shape: ImageShape;
  preprocessing: Preprocessing;
  /** Most pixels that a picture may have; default 100 million. */
  maxPixels?: number | undefined;
  /** Of the batches that ask for it; default none. */
  augmentation?: Augmentation | undefined;
  targets: Targets;
  /** Number of labels. */
  labels: number;
}

/** The trainer's threads have every core, and decoding gives way to them: more workers would only hold more memory. */
const workersForCores = (): number => Math.max(1, Math.min(8, availableParallelism() >> 1));

export class ImageLoader extends DataLoader {
  /** Starts the workers. */
  constructor(options: ImageFeederOptions) {
    const {
      input,
      shape,
      preprocessing,
      maxPixels = mostPixels,
      augmentation = [],
      targets,
      labels,
      batchSize,
    } = options;
    const workerData: ImageWorkerData = { input, shape, preprocessing, maxPixels, augmentation };
    const fields: Field[] = [
      { name: input, dtype: 'float32', per: 'sample', row: rowShape(shape) },
      targets === 'class'
        ? { name: 'labels', dtype: 'int64', per: 'sample' }
        : { name: 'labels', dtype: 'float32', per: 'sample', row: [labels] },
      { name: 'sample_weights', dtype: 'float32', per: 'sample' },
    ];
    super(
      { ...options, workers: options.workers ?? workersForCores() },
      {
        layout: slotLayout(fields, batchSize, 1),
        lengths: [1],
        preprocessing: { input, shape, preprocessing, maxPixels },
        worker: new URL('./image-worker.js', import.meta.url),
        workerData,
        failure: ({ failed, message }, rows) =>
          new DataError(
            failed === 'worker' ? message : `${rows.location(failed)}: the picture cannot be read: ${message}`,
          ),
      },
    );
  }
}
