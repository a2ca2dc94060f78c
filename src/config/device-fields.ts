// The options that say where a run computes and in what: see fields.ts for the conventions.

import { precisions } from '../lower/target.js';
import { deviceNames } from '../runtime/kinds.js';
import { about, count, headings, under } from './fields.js';
import { z } from './zod.js';

export const computing = under(headings.machine, {
  device: z
    .string()
    .regex(deviceNames)
    .default('cpu')
    .meta(
      about('Where to compute: cpu, webgpu, cuda, cuda:N, or auto for the fastest that works here.', {
        expects: 'auto, cpu, webgpu, cuda or cuda:N',
      }),
    ),
  precision: z
    .enum(precisions)
    .default('float32')
    .meta(
      about(
        'Of the products in training, on a device that has it: float16 (webgpu, cuda) or bfloat16 (cuda, cpu); weights, losses and norms stay float32.',
        { aliases: ['fp16', 'bf16', 'mixed_precision', 'torch_dtype'] },
      ),
    ),
  loggingSteps: count
    .max(100)
    .default(10)
    .meta(
      about(
        'Steps after which a device is asked for their losses, which it would have to be waited for; the CPU tells each at once.',
        { aliases: ['logging_steps', 'log_every_n_steps'], changesNothing: true },
      ),
    ),
  recompute: z
    .enum(['none', 'layers'])
    .default('none')
    .meta(
      about(
        'Activations of layers that are computed again for their gradients instead of kept: less memory, about a quarter more time.',
        { aliases: ['gradient_checkpointing', 'activation_checkpointing'] },
      ),
    ),
});
