// The loader of labelled pictures that a run would have, without a model: shared by the benches of loading.

import { imageLoading } from '../dist/data/images/plan.js';
import { startLoader } from '../dist/tasks/loader.js';
import { labelInputs } from '../dist/tasks/losses.js';

/**
 * @param options input, shape, preprocessing, augmentation, batchSize, workers, batchesAhead of pictures of two classes
 */
export function pictureLoader(options) {
  const { fields, ...plan } = imageLoading(options, options);
  const task = { name: 'image-classification', options: { targets: 'class' } };
  return startLoader({ ...plan, fields: [...fields, ...labelInputs('class', 2)] }, task, options);
}
