// Image classifiers by name, as ONNX, freshly initialised from a seed: ResNet-18 and -50, MobileNetV2,
// MobileNetV3-small and vision transformers of any size. The graph is what PyTorch's TorchScript exporter writes at
// opset 17 in training form, so a built model and an exported one are the same work. `writeImageModel` puts one on disk
// in transformers.js layout.

import { checkOptions, checkPath, checkTexts } from '../arguments.js';
import { UsageError } from '../errors.js';
import type { Dim } from '../onnx/graph.js';
import type { ConvolutionalContext, Features } from './convolutional.js';
import { labelsOf, writeModelFiles } from './files.js';
import { type ImageModel, imageModels } from './image-names.js';
import { mobilenetV2, mobilenetV3Small } from './mobilenet.js';
import { WeightStream } from './normal.js';
import { expansion, type ResNet, type ResNetSize, resnet, resnets, stageWidths } from './resnet.js';
import { TorchScriptWriter } from './torchscript.js';
import { type ViTSize, vit, vits } from './vit.js';

export interface ImageModelOptions {
  /** Which network; sizes of a ResNet may be changed by `resnet`, those of a ViT by `vit`. */
  model: ImageModel;
  /** Changes sizes of a residual network. */
  resnet?: Partial<ResNetSize>;
  /** Changes sizes of a vision transformer. */
  vit?: Partial<ViTSize>;
  /** Number of classes; default 1000. */
  classes?: number;
  /** Side of the images in pixels; default 224. A vision transformer takes no others. */
  imageSize?: number;
  /** Seed of the initial weights; default 0. */
  seed?: number;
}

export interface ImageModelDirectoryOptions extends Omit<ImageModelOptions, 'classes'> {
  /** Names of the classes, in the order of the logits; default LABEL_0 to LABEL_999. */
  labels?: readonly string[];
}

const imageModelKeys: readonly string[] = ['model', 'resnet', 'vit', 'imageSize', 'seed'];

interface Architecture {
  build(w: TorchScriptWriter, draw: WeightStream, image: Features, classes: number): void;
  /** config.json: the fields of the transformers library. */
  config: Record<string, unknown>;
  preprocessor: Record<string, unknown>;
  /** Whether images of one size only fit. */
  fixedSize: boolean;
}

const imagenet = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
const [bilinear, bicubic] = [2, 3];
const scaled = { do_resize: true, do_rescale: true, rescale_factor: 1 / 255, do_normalize: true };
/** Scaled to 8/7 of the side and cut to it, as the networks were evaluated by their authors. */
const centreCrop = (side: number) => ({
  ...scaled,
  ...imagenet,
  size: { shortest_edge: Math.round((side * 8) / 7) },
  resample: bilinear,
  do_center_crop: true,
  crop_size: { height: side, width: side },
});

/** Builds a convolutional network whose batch normalisations are as PyTorch's defaults or as `norm` says. */
const convolutional =
  (
    network: (c: ConvolutionalContext, image: Features, classes: number) => void,
    norm = { epsilon: 1e-5, momentum: 0.1 },
  ): Architecture['build'] =>
  (w, draw, image, classes) =>
    network({ w, draw, norm }, image, classes);

const residual = (net: ResNet, side: number): Architecture => ({
  build: convolutional((c, image, classes) => resnet(c, image, net, classes)),
  config: {
    architectures: ['ResNetForImageClassification'],
    model_type: 'resnet',
    layer_type: net.block,
    depths: net.depths,
    embedding_size: net.width,
    hidden_sizes: stageWidths(net).map((width) => width * expansion[net.block]),
    hidden_act: 'relu',
    downsample_in_first_stage: false,
    hidden_dropout_prob: 0,
  },
  preprocessor: {
    ...scaled,
    ...imagenet,
    image_processor_type: 'ConvNextImageProcessor',
    size: { shortest_edge: side },
    crop_pct: 0.875,
    resample: bicubic,
  },
  fixedSize: false,
});

const mobile = (version: 2 | 3, activation: string, build: Architecture['build'], side: number): Architecture => ({
  build,
  config: {
    architectures: [`MobileNetV${version}ForImageClassification`],
    model_type: `mobilenet_v${version}`,
    hidden_act: activation,
    hidden_dropout_prob: 0,
    classifier_dropout_prob: 0.2,
  },
  preprocessor: { ...centreCrop(side), image_processor_type: `MobileNetV${version}ImageProcessor` },
  fixedSize: false,
});

const transformer = (size: ViTSize, side: number): Architecture => ({
  build: (w, draw, image, classes) =>
    vit({ w, draw, size: { ...size, epsilon: 1e-12, storage: 'float32' } }, image, size, side, classes),
  config: {
    architectures: ['ViTForImageClassification'],
    model_type: 'vit',
    hidden_act: 'gelu',
    hidden_size: size.hidden,
    num_hidden_layers: size.layers,
    num_attention_heads: size.heads,
    intermediate_size: size.feedForward,
    patch_size: size.patch,
    layer_norm_eps: 1e-12,
    initializer_range: 0.02,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
  },
  preprocessor: {
    ...scaled,
    image_processor_type: 'ViTImageProcessor',
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    size: { height: side, width: side },
    resample: bilinear,
  },
  fixedSize: true,
});

const mobileV3Norm = { epsilon: 1e-3, momentum: 0.01 };
type Changes = Pick<ImageModelOptions, 'resnet' | 'vit'>;
const networks: Record<ImageModel, (side: number, changes: Changes) => Architecture> = {
  resnet18: (side, { resnet }) => residual({ ...resnets.resnet18, ...resnet }, side),
  resnet50: (side, { resnet }) => residual({ ...resnets.resnet50, ...resnet }, side),
  'mobilenet-v2': (side) => mobile(2, 'relu6', convolutional(mobilenetV2), side),
  'mobilenet-v3-small': (side) => mobile(3, 'hard_swish', convolutional(mobilenetV3Small, mobileV3Norm), side),
  'vit-tiny': (side, { vit }) => transformer({ ...vits['vit-tiny'], ...vit }, side),
  'vit-small': (side, { vit }) => transformer({ ...vits['vit-small'], ...vit }, side),
  'vit-base': (side, { vit }) => transformer({ ...vits['vit-base'], ...vit }, side),
};

function check(options: ImageModelOptions): void {
  const { model, resnet, vit, classes = 1000, imageSize = 224, seed = 0 } = options;
  if (!imageModels.includes(model))
    throw new UsageError(`image model option 'model' must be one of ${imageModels.join(', ')}, found '${model}'`);
  const preset = model in vits ? vits[model as keyof typeof vits] : undefined;
  if (vit && !preset)
    throw new UsageError(`image model option 'vit' changes vision transformers only, and ${model} is none`);
  if (resnet && !(model in resnets))
    throw new UsageError(`image model option 'resnet' changes residual networks only, and ${model} is none`);
  const { depths = [1], width = 1, stem = 'small' } = resnet ?? {};
  if (depths.length === 0 || !['imagenet', 'small'].includes(stem))
    throw new UsageError(
      `image model option 'resnet' takes the blocks of one stage or more and a stem 'imagenet' or 'small', found ${JSON.stringify(resnet)}`,
    );
  const sizes = { ...preset, ...vit };
  const blocks = Object.fromEntries(depths.map((depth, stage) => [`depths[${stage}]`, depth]));
  for (const [name, value] of Object.entries({ classes, imageSize, ...sizes, width, ...blocks, seed })) {
    const least = name === 'seed' ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least)
      throw new UsageError(`image model option '${name}' must be a whole number of at least ${least}, found ${value}`);
  }
  const divides = (of: string, whole: number, by: string, part: number) => {
    if (whole % part !== 0)
      throw new UsageError(`image model option '${by}' must divide '${of}': ${whole} is no multiple of ${part}`);
  };
  const { hidden, heads, patch } = sizes as Partial<ViTSize>;
  if (hidden && heads) divides('hidden', hidden, 'heads', heads);
  if (patch) divides('imageSize', imageSize, 'patch', patch);
}

/**
 * Builds an image classifier.
 *
 * Input `pixel_values`: float32 [batch_size, 3, height, width]. Output `logits`: float32 [batch_size, classes]. Weights
 * are initialised as torchvision (and, for vision transformers, the transformers library) does.
 * @returns the bytes of the ONNX file
 * @throws UsageError for sizes that make no network
 */
export function buildImageModel(options: ImageModelOptions): Uint8Array {
  checkOptions(options, 'buildImageModel: options', [...imageModelKeys, 'classes']);
  check(options);
  const { classes = 1000, imageSize = 224, seed = 0 } = options;
  const { build, fixedSize } = networks[options.model](imageSize, options);
  const w = new TorchScriptWriter(17);
  const plane: Dim[] = fixedSize ? [imageSize, imageSize] : ['height', 'width'];
  const value = w.input('pixel_values', 'float32', ['batch_size', 3, ...plane]);
  build(w, new WeightStream(seed), { value, channels: 3 }, classes);
  w.output('logits', 'float32', ['batch_size', classes]);
  return w.finish();
}

/**
 * Writes `config.json`, `preprocessor_config.json` and `onnx/model.onnx`.
 * @throws UsageError for sizes that make no network
 */
export function writeImageModel(to: string | URL, options: ImageModelDirectoryOptions): void {
  const directory = checkPath(to, 'writeImageModel: directory');
  checkOptions(options, 'writeImageModel: options', [...imageModelKeys, 'labels']);
  if (options.labels !== undefined) checkTexts(options.labels, 'writeImageModel: labels');
  const { labels = Array.from({ length: 1000 }, (_, i) => `LABEL_${i}`), ...rest } = options;
  const onnx = buildImageModel({ ...rest, classes: labels.length });
  const { imageSize = 224 } = rest;
  const { config, preprocessor } = networks[rest.model](imageSize, rest);
  writeModelFiles(
    directory,
    { model: onnx },
    {
      'config.json': { ...config, num_channels: 3, image_size: imageSize, ...labelsOf(labels) },
      'preprocessor_config.json': preprocessor,
    },
  );
}
