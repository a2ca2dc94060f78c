// Every operator that is spelled out in standard ones when shapes are known, by `Op`, or `domain.Op` outside the
// default domain. What stands here needs no type rule and no gradient rule of its own; a saved file keeps the node as
// it was.

import { activations } from './activations.js';
import { convolutions } from './convolution.js';
import type { Defined } from './definition.js';
import { groupQuery } from './group-query.js';
import { microsoftAttention } from './microsoft-attention.js';
import { normalisations } from './normalise.js';
import { positionBiases } from './position-bias.js';
import { renamed } from './renamed.js';
import { rotary } from './rotary.js';
import { standardAttention } from './standard-attention.js';

export const definedOperators: ReadonlyMap<string, Defined> = new Map(
  [
    activations,
    convolutions,
    groupQuery,
    microsoftAttention,
    normalisations,
    positionBiases,
    renamed,
    rotary,
    standardAttention,
  ].flatMap((table) => Object.entries(table)),
);
