// Constant nodes as tensors, whichever of their attributes holds the value.

import { ModelError } from '../../errors.js';
import { decodeTensor } from '../decode.js';
import { type Model, nodeLabel } from '../model.js';
import type { NodeProto } from '../onnx_pb.js';
import { Tensor } from '../tensor.js';

/** The value of a Constant node. ModelError: strings, sparse values, no value. */
export function constantTensor(node: NodeProto, model: Model): Tensor {
  for (const a of node.attribute)
    switch (a.name) {
      case 'value':
        if (a.t) return decodeTensor(a.t, `Constant node ${nodeLabel(node)}`, model);
        break;
      case 'value_float':
        return Tensor.scalar('float32', a.f);
      case 'value_int':
        return Tensor.scalar('int64', a.i);
      case 'value_floats':
        return Tensor.of('float32', a.floats);
      case 'value_ints':
        return Tensor.of('int64', a.ints);
    }
  const found = node.attribute.map((a) => a.name).join(', ') || 'no value';
  throw new ModelError(
    `Constant node ${nodeLabel(node)} of ${model.path} has ${found}; expected a tensor, floats or integers. Export the model without it.`,
  );
}
