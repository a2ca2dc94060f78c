// Output types of the operators of the domain ortune over channels-last images [N, H, W, C]. Windows are written out:
// strides, dilations and pads (before the image) have two entries, and `size` is the height and width that do not
// follow from shapes: of the result for a forward operator and for the gradient of an image, of the filters for theirs.

import type { StaticType } from '../graph.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';

const size = (c: TypeContext): readonly number[] => c.ints('size') ?? c.fail("attribute 'size' is missing");

function image(c: TypeContext, input: number): readonly number[] {
  const shape = c.shape(input);
  if (shape.length !== 4) c.fail(`input ${input} [${shape}] is no image [N, H, W, C]`);
  return shape;
}

/** x [N, H, W, C], W [M, C / group, KH, KW], bias [M] → [N, size…, M]. */
const conv: TypeRule = (c) => {
  const [x, weight] = [image(c, 0), c.shape(1)];
  if (x[3] !== weight[1]! * c.int('group', 1)) c.fail(`weights [${weight}] do not fit an image [${x}]`);
  return [{ dtype: c.sameDtype(), shape: [x[0]!, ...size(c), weight[0]!] }];
};

/** dy [N, OH, OW, M], W → [N, size…, C]. */
const convInputGrad: TypeRule = (c) => {
  const [dy, weight] = [image(c, 0), c.shape(1)];
  return [{ dtype: c.sameDtype(), shape: [dy[0]!, ...size(c), weight[1]! * c.int('group', 1)] }];
};

/** x, dy → dW [M, C / group, size…], dbias [M]. */
const convWeightGrad: TypeRule = (c) => {
  const [x, dy] = [image(c, 0), image(c, 1)];
  const dtype = c.sameDtype();
  return [
    { dtype, shape: [dy[3]!, x[3]! / c.int('group', 1), ...size(c)] },
    { dtype, shape: [dy[3]!] },
  ];
};

const resized =
  (input: number): TypeRule =>
  (c) => {
    const [n, , , channels] = image(c, input);
    return [{ dtype: c.dtype(input), shape: [n!, ...size(c), channels!] }];
  };

const like =
  (input: number): TypeRule =>
  (c): StaticType[] => [c.type(input)];

export const channelsLast: TypeTable = {
  Conv: conv,
  ConvInputGrad: convInputGrad,
  ConvWeightGrad: convWeightGrad,
  MaxPool: resized(0),
  MaxPoolGrad: like(1),
  AveragePool: resized(0),
  AveragePoolGrad: resized(0),
  Activation: like(0),
  ActivationGrad: like(0),
};
