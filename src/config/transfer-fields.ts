// The options that say what becomes of the model: which of its weights are kept, drawn anew or trained, and with what
// head and dropout. See fields.ts for the conventions.

import { about, count, headings, listOf, path, rate, under } from './fields.js';
import { z } from './zod.js';

/** One pattern over parameters, or several. */
export const patterns = listOf(path);

const dropout = z
  .union([
    rate.transform((all) => ({ hidden: all, attention: all, head: all })),
    z.strictObject({
      hidden: rate.optional().meta(about('Dropout after the embeddings and on the output of every sub-layer.')),
      attention: rate.optional().meta(about('Dropout on attention probabilities.')),
      head: rate.optional().meta(about('Dropout before the classifier.', { aliases: ['classifier_dropout'] })),
    }),
  ])
  .prefault({})
  .meta(
    about(
      'Dropout put back into the graph above the first trained parameter, as config.json of the model says; one number sets all three.',
      {
        value: 'N',
      },
    ),
  );

export const transfer = under(headings.transfer, {
  dropout,
  headLayers: z
    .array(count)
    .min(1)
    .optional()
    .meta(
      about("Widths of hidden layers between the text's vector and the classifier; the head is then a new one.", {
        aliases: ['head_hidden_sizes', 'hidden_layer_sizes', 'mlp_layers'],
      }),
    ),
  keepLayers: count.optional().meta(
    about('Keep only the first so many layers of the trunk; the model that is written is the smaller one.', {
      aliases: ['num_layers', 'num_hidden_layers', 'truncate_layers'],
    }),
  ),
  dequantise: z
    .boolean()
    .optional()
    .meta(
      about(
        'Make floats of weights that the file stores as rounded numbers: they train, and are saved as floats unless requantise is set.',
        {
          aliases: ['dequantize', 'unquantize'],
        },
      ),
    ),
  requantise: z
    .boolean()
    .optional()
    .meta(
      about(
        'With dequantise: round the trained floats again when the model is written, in the type, the blocks and the symmetry that the file had.',
        { aliases: ['requantize', 'quantise_again'] },
      ),
    ),
  init: z
    .enum(['pretrained', 'random'])
    .default('pretrained')
    .meta(
      about('Start from the weights of the model, or from weights drawn anew, as in training from scratch.', {
        aliases: ['from_scratch', 'initialization'],
      }),
    ),
  adapter: path
    .optional()
    .meta(
      about(
        "Train an adapter and not the weights: lora, dora, or the directory of one in PEFT's form, which is trained further.",
        { value: 'lora|dora|DIR', aliases: ['peft', 'lora', 'use_lora', 'peft_type'] },
      ),
    ),
  loraRank: count
    .optional()
    .meta(about('Rank of the matrices of an adapter; default 8.', { aliases: ['lora_r', 'r', 'rank'] })),
  loraAlpha: z
    .number()
    .gt(0)
    .optional()
    .meta(about('What an adapter adds is multiplied by alpha / rank; default twice the rank.', { aliases: ['alpha'] })),
  rslora: z
    .boolean()
    .optional()
    .meta(about('Multiply by alpha / √rank.', { aliases: ['use_rslora', 'rank_stabilized'] })),
  loraDropout: rate
    .optional()
    .meta(about('Dropout on what the matrices of an adapter read; default none.', { aliases: ['adapter_dropout'] })),
  loraTargets: patterns
    .optional()
    .meta(
      about(
        'Layers that have an adapter: default, those that PEFT has for the family; all-linear, every linear layer but the head; or names and globs, of tables and convolutions too.',
        { value: 'PATTERN', aliases: ['target_modules', 'lora_target_modules'] },
      ),
    ),
  modulesToSave: patterns.optional().meta(
    about("With an adapter: parameters that are trained as they are. Default: a head that is no language model's.", {
      value: 'PATTERN',
      aliases: ['modules_to_save'],
    }),
  ),
  saveAdapter: z
    .boolean()
    .optional()
    .meta(
      about(
        "Write the adapter alone, in PEFT's form, to adapter/ in output; default a model with the adapter merged in.",
        {
          aliases: ['adapter_only'],
        },
      ),
    ),
  batchNorm: z
    .enum(['batch', 'frozen'])
    .default('batch')
    .meta(
      about(
        'Statistics of BatchNormalization while training: of each batch in layers whose scale or bias trains, or those of the file in all.',
        { aliases: ['batch_norm', 'bn', 'freeze_bn', 'bn_mode', 'bn_eval'] },
      ),
    ),
  freeze: patterns.prefault([]).meta(
    about('Parameters that keep their values: globs over names, or trunk for all but the head.', {
      value: 'PATTERN',
      aliases: ['freeze_to'],
    }),
  ),
  layerDecay: z
    .number()
    .gt(0)
    .max(1)
    .default(1)
    .meta(
      about(
        'Learning rates fall by this factor from the head down, layer by layer, to what is before the first; rates of groups are their own.',
        { aliases: ['layer_decay', 'layerwise_lr_decay', 'llrd', 'lr_decay_rate'] },
      ),
    ),
  unfreeze: z
    .enum(['gradual', 'head-first'])
    .optional()
    .meta(
      about(
        'At first only the head trains: with gradual one more layer, from the top, each unfreezeEpochs or unfreezeSteps, with head-first then everything.',
        { aliases: ['gradual_unfreezing', 'lp_ft'] },
      ),
    ),
  unfreezeEpochs: z
    .number()
    .gt(0)
    .default(1)
    .meta(
      about('With unfreeze: passes over the training data before more is unfrozen.', {
        aliases: ['freeze_epochs', 'head_epochs'],
      }),
    ),
  unfreezeSteps: count
    .optional()
    .meta(about('With unfreeze: optimizer steps before more is unfrozen; overrides unfreezeEpochs.')),
  trainable: patterns.prefault([]).meta(
    about(
      'Tensors that are trained although they look like constants of the arithmetic: globs over names (see inspect).',
      {
        value: 'PATTERN',
      },
    ),
  ),
});
