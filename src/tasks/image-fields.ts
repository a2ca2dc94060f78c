// Options of tasks that read pictures: where pictures and their labels are, how pixels are prepared where the model
// does not say, and how training pictures are changed at random.

import type { FieldKit } from '../config/fields.js';
import { mostPictureBytes, mostPixels } from '../data/images/picture-names.js';
import { labelNamesField, multiLabelField } from './text-fields.js';
import { thresholdsField } from './thresholds.js';

export const imageFields = (kit: FieldKit) => {
  const { z, about, count, path, augmentationSchema, augmentationPresets } = kit;
  const ofChannels = z.union([z.number(), z.array(z.number()).min(1).max(4)]).transform((value) => [value].flat());
  const side = z.int().min(1).max(65535);

  /** Of every command that reads pictures. */
  const pictureFiles = {
    imageColumn: path
      .optional()
      .meta(
        about(
          'Column with the paths of the pictures, from the folder of the file on, or in Parquet with the pictures themselves; default image.',
          { value: 'NAME', aliases: ['image_column_name', 'path_column'] },
        ),
      ),
    maxPixels: count.default(mostPixels).meta(
      about('Pictures of more pixels are not decoded, and count as ones that cannot be used.', {
        aliases: ['max_image_pixels'],
      }),
    ),
    maxPictureBytes: count
      .default(mostPictureBytes)
      .meta(about('Picture files of more bytes are not read, and count as ones that cannot be used.')),
  };

  /** Of samples that cannot be used. */
  const maxBadSamples = z
    .int()
    .min(0)
    .optional()
    .meta(
      about(
        'So many pictures that cannot be decoded are left out before the run stops; default 10, or 1 % of the samples where that is more.',
        { changesNothing: true },
      ),
    );

  const images = {
    ...pictureFiles,
    maxBadSamples,
    multiLabel: multiLabelField(kit),
    thresholds: thresholdsField(kit),
    labelNames: labelNamesField(kit),
    imageMean: ofChannels.optional().meta(
      about("Mean that is taken off the channels of uint8 pixels; default the model's own, or ImageNet's.", {
        value: 'N,N,N',
        list: true,
        aliases: ['image_mean', 'mean'],
        expects: 'a number, or one for each channel',
      }),
    ),
    imageStd: ofChannels.optional().meta(
      about("Deviation that channels of uint8 pixels are divided by; default the model's own, or ImageNet's.", {
        value: 'N,N,N',
        list: true,
        aliases: ['image_std', 'std'],
        expects: 'a number, or one for each channel',
      }),
    ),
    imageSize: z
      .union([side, z.array(side).length(2)])
      .transform((value) => (typeof value === 'number' ? [value, value] : value))
      .optional()
      .meta(
        about(
          "Height and width of the pictures, where the model takes any; default the model's own, or that of the data.",
          {
            value: 'N,N',
            list: true,
            aliases: ['image_size', 'size', 'input_size'],
            expects: 'a number of pixels, or height and width',
          },
        ),
      ),
  };

  /** Of training alone. */
  const augmentation = augmentationSchema
    .default([])
    .meta(
      about(
        `Random changes of the training pictures: a list of steps, each a name or {op: NAME, option: value} (docs/images.md), or one of ${augmentationPresets.join(', ')}.`,
        { aliases: ['augment', 'augmentations', 'transforms'], value: 'STEPS', expects: 'a list of steps' },
      ),
    );
  return { pictureFiles, maxBadSamples, images, augmentation };
};
