// The options of `ortune preview`: see fields.ts for the conventions.

import { imageFields } from '../tasks/image-fields.js';
import { about, fieldKit, place } from './fields.js';
import type { PreviewFields } from './option-types.js';
import { reading } from './reading-fields.js';
import { trainSchema } from './train-schema.js';
import { z } from './zod.js';

const { model, train, labelColumn, augmentation, seed, workers, multiLabel } = trainSchema.shape;
const { images, pictureFiles } = imageFields(fieldKit);
const upTo = (most: number) => z.int().min(1).max(most);

export const previewSchema = z.strictObject({
  model,
  train,
  labelColumn,
  multiLabel,
  imageColumn: pictureFiles.imageColumn,
  maxPixels: pictureFiles.maxPixels,
  maxPictureBytes: pictureFiles.maxPictureBytes,
  ...reading,
  labelNames: images.labelNames,
  imageMean: images.imageMean,
  imageStd: images.imageStd,
  imageSize: images.imageSize,
  augmentation,
  seed,
  workers,
  output: place.default('preview.png').meta(about('PNG file to write.', { value: 'FILE' })),
  pictures: upTo(100).default(6).meta(about('Training pictures to show, a row for each.')),
  variants: upTo(50).default(8).meta(about('How often each is augmented.')),
});

/** What `ortune preview` and `preview` take. */
export type PreviewOptions = PreviewFields;
export type PreviewConfig = z.output<typeof previewSchema>;
