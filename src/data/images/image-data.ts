// The labelled pictures of a run, or of an evaluation.

import { UsageError } from '../../errors.js';
import type { Targets } from '../../tasks/task.js';
import { DataClient } from '../data-client.js';
import { LabelledData, type OpenedDataset, weightsOf } from '../labelled-data.js';
import { LabelSet } from '../labels.js';
import type { Sampling } from '../sampler.js';
import { ImageDataset } from './image-dataset.js';
import type { ImageInput } from './image-inputs.js';
import type { ImageOpenRequest, OpenedImagePart } from './open-images.js';

export interface ImageDataOptions extends Omit<ImageOpenRequest, 'scratch'> {
  /** Of the training data; the other parts keep the order of their files. */
  sampling: Sampling;
  classWeights?: 'balanced' | Readonly<Record<string, number>> | undefined;
}

export class ImageData extends LabelledData<ImageDataset> {
  /** What the targets of the training data are. */
  readonly targets: Targets;

  private constructor(
    ...[client, labels, parts, notes, named, targets]: [
      ...ConstructorParameters<typeof LabelledData<ImageDataset>>,
      Targets,
    ]
  ) {
    super(client, labels, parts, notes, named);
    this.targets = targets;
  }

  /**
   * Finds the pictures, reads labels, and what the hash takes of the pictures. Close what you opened.
   * @throws UsageError for a pattern without a file and an unknown name in classWeights; DataError, with file and row, for
   *   what cannot be trained on; the signal's reason
   */
  static async open(options: ImageDataOptions, signal?: AbortSignal): Promise<ImageData> {
    signal?.throwIfAborted();
    const { sampling, classWeights, ...request } = options;
    const client = new DataClient();
    try {
      const opened = await client.ask({ kind: 'openImages', ...request, scratch: client.scratch }, signal);
      const labels = new LabelSet(opened.labels);
      const make = (part: OpenedImagePart, order: Sampling) => new ImageDataset(client, part, order);
      const parts = {
        train: make(opened.train, sampling),
        ...(opened.eval && { eval: make(opened.eval, 'sequential') }),
        ...(opened.test && { test: make(opened.test, 'sequential') }),
      };
      const targets = targetsOf(opened.train, options.multiLabel);
      if (classWeights !== undefined && targets !== 'class')
        throw new UsageError('classWeights are for labels that are one class each; leave classWeights out');
      parts.train.classWeights = weightsOf(classWeights, labels, parts.train);
      return new ImageData(client, labels, parts, opened.notes, opened.named, targets);
    } catch (error) {
      await client.close();
      throw error;
    }
  }
}

const targetsOf = ({ table }: OpenedImagePart, multiLabel: boolean): Targets =>
  multiLabel ? 'labels' : table.targets ? 'probabilities' : 'class';

/**
 * Opens pictures to evaluate on, against classes that are given. Close it after use.
 * @throws as ImageData.open
 */
export async function openLabelledImages(
  {
    input,
    ...options
  }: { input: ImageInput; labels: readonly string[] } & Pick<ImageOpenRequest, 'multiLabel' | 'columns'>,
  signal?: AbortSignal,
): Promise<OpenedDataset<ImageDataset>> {
  signal?.throwIfAborted();
  const client = new DataClient();
  try {
    const request = { train: input, ...options, seed: 0, scratch: client.scratch };
    const opened = await client.ask({ kind: 'openImages', ...request }, signal);
    return { data: new ImageDataset(client, opened.train, 'sequential'), close: () => client.close() };
  } catch (error) {
    await client.close();
    throw error;
  }
}
