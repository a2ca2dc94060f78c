// Output types of operators that read images at computed places: GridSample, AffineGrid, RoiAlign, DeformConv.

import { elementCount } from '../tensor.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';
import { type Window, windowOf } from './windows.js';

const gridSample: TypeRule = (c) => {
  const [image, grid] = [c.shape(0), c.shape(1)];
  if (grid.length !== image.length || grid.at(-1) !== image.length - 2 || grid[0] !== image[0])
    c.fail(`places [${grid}] do not fit images [${image}]`);
  return [{ dtype: c.dtype(0), shape: [...image.slice(0, 2), ...grid.slice(1, -1)] }];
};

const affineGrid: TypeRule = (c) => {
  const [n, , ...size] = c.values(1);
  const [theta, k] = [c.shape(0), size.length];
  if (theta.join() !== [n, k, k + 1].join()) c.fail(`matrices [${theta}] do not fit images [${c.values(1)}]`);
  return [{ dtype: c.dtype(0), shape: [n!, ...size, k] }];
};

/** Regions [R, 4] of images [N, C, H, W], each read at as many places of every bin. */
const roiAlign: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const [regions, images] = [c.shape(1), c.shape(2)];
  if (shape.length !== 4 || regions.length !== 2 || regions[1] !== 4 || images.join() !== `${regions[0]}`)
    c.fail(
      `regions [${regions}] with images [${images}] do not fit an input [${shape}]; expected [R, 4], [R] and 4 axes`,
    );
  const out = [c.int('output_height', 1), c.int('output_width', 1)];
  if (out.some((size) => size < 1)) c.fail(`its output is [${out}], expected sizes of at least 1`);
  return [{ dtype, shape: [regions[0]!, shape[1]!, ...out] }];
};

/** The window of a DeformConv: x [N, C, H, W], weights [M, C/group, …kernel]. */
export const deformedWindow = (c: TypeContext): Window => windowOf(c, c.shape(1).slice(2));

/** Offsets [N, 2·groups·places, …out], masks [N, groups·places, …out]. */
const deformConv: TypeRule = (c) => {
  const [x, weight, offset] = [c.shape(0), c.shape(1), c.shape(2)];
  const [group, offsetGroup] = [c.int('group', 1), c.int('offset_group', 1)];
  if (x.length !== 4) c.fail(`an input [${x}]; images of two axes are known`);
  if (x[1] !== weight[1]! * group || weight[0]! % group !== 0 || x[1]! % offsetGroup !== 0)
    c.fail(`weights [${weight}] in ${group} groups and ${offsetGroup} of offsets do not fit an input [${x}]`);
  const { out } = deformedWindow(c);
  const places = offsetGroup * elementCount(weight.slice(2));
  const fits = (shape: readonly number[], count: number): boolean => shape.join() === [x[0], count, ...out].join();
  if (!fits(offset, 2 * places)) c.fail(`offsets [${offset}], expected [${[x[0], 2 * places, ...out]}]`);
  if (c.has(4) && !fits(c.shape(4), places)) c.fail(`a mask [${c.shape(4)}], expected [${[x[0], places, ...out]}]`);
  if (c.has(3) && c.shape(3).join() !== `${weight[0]}`) c.fail(`a bias [${c.shape(3)}] for ${weight[0]} channels`);
  return [{ dtype: c.sameDtype(0, 2), shape: [x[0]!, weight[0]!, ...out] }];
};

export const sampled: TypeTable = {
  GridSample: gridSample,
  AffineGrid: affineGrid,
  RoiAlign: roiAlign,
  DeformConv: deformConv,
};
