// Trained weights written back into the original file: every tensor keeps its name, type and kind of storage, and all
// that ortune does not know is kept. The training graph is never saved. Files are written beside their place and
// renamed, so that an interrupted save leaves what was there.

import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { clearField, create } from '@bufbuild/protobuf';
import { ModelError, UsageError } from '../errors.js';
import { AtomicFile } from '../files/atomic-file.js';
import { quote } from '../quote.js';
import { scopesOf } from './blocks.js';
import { convertFloat, firstOverflow } from './convert.js';
import { decodeTensor, elementType, storedType, tensorShape, typedField } from './decode.js';
import { bytesOfElements, type DataType, isFloat, storedTypeFromOnnx } from './dtype.js';
import { byteCount, modelPieces } from './encode.js';
import { externalRange, readTensor } from './external.js';
import { attributeOf, graphOf, type Model } from './model.js';
import { StringStringEntryProtoSchema, type TensorProto, TensorProtoSchema } from './onnx_pb.js';
import { isConstant, rewriteTensors } from './rewrite.js';
import { elementCount, type Tensor } from './tensor.js';

export interface FileTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly where: 'initializer' | 'constant';
}

/**
 * The tensors of the graph and its sub-graphs by name (for Constant nodes the output's): what saving can write, and
 * training may own.
 */
export function fileTensors(model: Model): Map<string, FileTensor> {
  const found = new Map<string, FileTensor>();
  const add = (name: string, tensor: TensorProto, where: FileTensor['where']): void => {
    const dtype = storedTypeFromOnnx(tensor.dataType);
    if (dtype) found.set(name, { dtype, shape: tensor.dims.map(Number), where });
  };
  const scopes = scopesOf(graphOf(model));
  for (const graph of [graphOf(model), ...scopes.keys()]) {
    const called = (value: string): string => scopes.get(graph)?.names.get(value) ?? value;
    for (const tensor of graph.initializer) add(called(tensor.name), tensor, 'initializer');
    for (const node of graph.node) {
      if (!isConstant(node)) continue;
      const name = called(node.output[0]!);
      const tensor = attributeOf(node, 'value')?.t;
      const floats = attributeOf(node, 'value_floats');
      if (tensor) add(name, tensor, 'constant');
      else if (attributeOf(node, 'value_float')) found.set(name, { dtype: 'float32', shape: [], where: 'constant' });
      else if (floats) found.set(name, { dtype: 'float32', shape: [floats.floats.length], where: 'constant' });
    }
  }
  return found;
}

export interface SaveOptions {
  /**
   * Size of the .onnx file in bytes above which initializers move to external data. Default: 2 GiB, protobuf's limit.
   */
  externalAbove?: number;
}

/** Smaller initializers stay in the .onnx file: shapes and axes are read there by other tools. */
const SMALLEST_EXTERNAL = 1024;

/**
 * Writes the model with the named tensors' values replaced; values are rounded to the file's own float type.
 * External data goes to `<file>_data`: what was external before, and larger initializers when the file would pass
 * `externalAbove`. `file` may be the model's own path, unless the model's data is external there.
 * UsageError: the external data would overwrite what it is read from. ModelError: a value that the file's type
 * cannot hold, external data that is gone.
 */
export function saveModel(
  model: Model,
  file: string,
  weights: ReadonlyMap<string, Tensor>,
  options: SaveOptions = {},
): void {
  saveModels([{ model, file, weights }], options);
}

/** A file to write. */
export interface ModelToSave {
  model: Model;
  file: string;
  weights: ReadonlyMap<string, Tensor>;
}

/** `saveModel` for the files of one model: none takes its place before all are written. */
export function saveModels(models: readonly ModelToSave[], options: SaveOptions = {}): void {
  const written: AtomicFile[] = [];
  try {
    for (const model of models) writeModel(model, options, written);
    for (const file of written) file.commit();
  } finally {
    for (const file of written) file.discard();
  }
}

/** Writes a model beside its place; adds the files to `written`, external data before what refers to it. */
function writeModel({ model, file, weights }: ModelToSave, options: SaveOptions, written: AtomicFile[]): void {
  checkWeights(model, weights);
  const place = resolve(file);
  mkdirSync(dirname(place), { recursive: true });
  const spill = byteCount(modelPieces(model.proto)) > (options.externalAbove ?? 2 ** 31 - 1);
  const data = new AtomicFile(`${place}_data`);
  written.push(data);
  const main = new AtomicFile(place);
  written.push(main);
  const proto = rewriteTensors(
    model,
    (tensor, { what, name, initializer }) => {
      const weight = name === undefined ? undefined : weights.get(name);
      const large = initializer && byteLength(tensor, what, model) >= SMALLEST_EXTERNAL;
      if (tensor.dataLocation === 1 || (spill && large)) return moveOut(tensor, weight, data, what, model);
      return weight ? store(tensor, encode(weight, tensor, what, model)) : tensor;
    },
    (name) => weights.get(name)?.numbers(),
  );
  for (const piece of modelPieces(proto)) main.write(piece);
}

function checkWeights(model: Model, weights: ReadonlyMap<string, Tensor>): void {
  const known = fileTensors(model);
  for (const [name, weight] of weights) {
    const shape = known.get(name)?.shape;
    if (!shape || shape.join() !== weight.shape.join() || !isFloat(weight.dtype))
      throw new Error(
        `cannot save ${quote(name)} ${weight.dtype} [${weight.shape}]: the file has ${shape ? `[${shape}]` : 'no such tensor'}`,
      );
  }
}

const byteLength = (tensor: TensorProto, what: string, model: Model): number =>
  bytesOfElements(storedType(tensor.dataType, what, model), elementCount(tensorShape(tensor, what, model)));

/** The weight in the file's type. */
function encode(weight: Tensor, tensor: TensorProto, what: string, model: Model): Tensor {
  const dtype = elementType(tensor.dataType, what, model);
  const encoded = convertFloat(weight, dtype);
  const at = firstOverflow(weight, encoded);
  if (at < 0) return encoded;
  throw new ModelError(
    `${what} of ${model.path} is ${dtype}, which cannot hold the trained value ${weight.data()[at]} (element ${at}). ` +
      'Train with a lower learning rate, or start from the float32 model.',
  );
}

/** The tensor with other values in the field that held the old ones. */
function store(tensor: TensorProto, weight: Tensor): TensorProto {
  const copy = Object.assign(create(TensorProtoSchema), tensor);
  const values = weight.data();
  if (typedField(tensor, weight.dtype).length === 0) copy.rawData = weight.bytes() as Uint8Array<ArrayBuffer>;
  else if (weight.dtype === 'float32') copy.floatData = Array.from(values as Float32Array);
  else if (weight.dtype === 'float64') copy.doubleData = Array.from(values as Float64Array);
  else copy.int32Data = Array.from(values as Uint16Array);
  return copy;
}

/** Appends the tensor's bytes to the external data file and refers to them there. */
function moveOut(
  tensor: TensorProto,
  weight: Tensor | undefined,
  data: AtomicFile,
  what: string,
  model: Model,
): TensorProto {
  const length = byteLength(tensor, what, model);
  data.align(length >= 65536 ? 4096 : 64); // so that readers can map large tensors
  const offset = data.size;
  const taken = existsSync(data.path);
  // A trained weight does not need the file it came from.
  const source =
    tensor.dataLocation === 1 && (taken || !weight) ? externalRange(tensor, what, length, model) : undefined;
  if (source && taken && realpathSync(data.path) === source.file)
    throw new UsageError(
      `Cannot save over ${data.path}: the model's weights are read from it. Choose another directory or file name.`,
    );
  if (weight) data.write(encode(weight, tensor, what, model).bytes());
  else if (source) readTensor(source, model, (piece) => data.write(piece));
  else data.write(decodeTensor(tensor, what, model).bytes());

  const copy = Object.assign(create(TensorProtoSchema), tensor, {
    floatData: [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    dataLocation: 1,
    externalData: [
      { key: 'location', value: basename(data.path) },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(length) },
    ].map((entry) => create(StringStringEntryProtoSchema, entry)),
  });
  clearField(copy, TensorProtoSchema.field.rawData);
  return copy;
}
