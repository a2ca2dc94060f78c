// Output types of BatchNormalization with the statistics of the batch, in the domain ortune: what training graphs have
// in place of the standard operator, which only normalises by given statistics there. Signatures:
//   BatchNorm(x, scale, bias, running_mean, running_var) → y, batch_mean, inv_std, new_running_mean, new_running_var
//   BatchNormGrad(dy, x, scale, bias, batch_mean, inv_std) → dx, dscale, dbias
// Attributes of both: epsilon, momentum (ONNX: the share of the old average that stays), and channels_last, with which
// the last axis of x is the channels' and not axis 1; `statistics`, 'batch' or 'given' for those of the inputs (then
// there are no new ones); and `activation`, a name of lower/definitions/activation.ts, which y has gone through. All
// but x, y, dy and dx are [C].

import { elementCount } from '../tensor.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';

/** The channels' axis of x, which has `rank` axes. */
export const channelAxis = (channelsLast: boolean, rank: number): number => (channelsLast ? rank - 1 : 1);

/** x at input `position` and [C] at all inputs behind it. */
function checkChannels(c: TypeContext, position: number): void {
  const shape = c.shape(position);
  const channels = shape[channelAxis(c.int('channels_last', 0) !== 0, shape.length)];
  if (shape.length < 2 || channels === undefined) c.fail(`the input [${shape}] has no channels`);
  for (let i = position + 1; i < c.node.inputs.length; i++)
    if (c.shape(i).length !== 1 || c.shape(i)[0] !== channels)
      c.fail(`input ${i} [${c.shape(i)}] must have ${channels} channels`);
  c.sameDtype();
  const given = c.node.attrs.get('statistics')?.value === 'given';
  if (!given && elementCount(shape) / channels < 2)
    c.fail(
      `expected more than one value per channel in a batch, found the shape [${shape}]: one value has no variance. ` +
        'Train with larger batches, or set batchNorm to frozen to keep the statistics that the file has',
    );
}

const batchNorm: TypeRule = (c) => {
  checkChannels(c, 0);
  return [c.type(0), ...[1, 2, 3, 4].map(() => c.type(1))];
};

const batchNormGrad: TypeRule = (c) => {
  checkChannels(c, 1);
  if (c.shape(0).join() !== c.shape(1).join()) c.fail(`dy [${c.shape(0)}] and x [${c.shape(1)}] must have one shape`);
  return [c.type(1), c.type(2), c.type(2)];
};

export const batchNormalisation: TypeTable = { BatchNorm: batchNorm, BatchNormGrad: batchNormGrad };
