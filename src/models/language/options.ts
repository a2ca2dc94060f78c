// Sizes of language models that are built: what there is to say of each family, its defaults, and what fits together.

import { checkOptions, kindOfValue } from '../../arguments.js';
import { UsageError } from '../../errors.js';
import type { TransformerContext } from '../transformer.js';

/** Decoders alone, which go on with a text. */
export const decoderArchitectures = ['gpt2', 'llama'] as const;
/** Encoders with decoders, which write one text of another. */
export const encoderDecoderArchitectures = ['t5', 'marian'] as const;
export const languageArchitectures = [...decoderArchitectures, ...encoderDecoderArchitectures] as const;
export type LanguageArchitecture = (typeof languageArchitectures)[number];

export interface LanguageModelOptions {
  /** The family whose graph is built. */
  architecture: LanguageArchitecture;
  /** Transformer layers, of t5 and marian those of the encoder; default 4. */
  layers?: number;
  /** Layers of the decoder (t5, marian); default `layers`. */
  decoderLayers?: number;
  /** Width of the residual stream; default 256. */
  hidden?: number;
  /** Attention heads; must divide `hidden`; default `hidden` / 64, at least 1. */
  heads?: number;
  /** Heads of keys and values, each shared by several of the queries (llama); must divide `heads`; default `heads`. */
  keyValueHeads?: number;
  /** Width of the feed-forward layer; default 4 · hidden, of llama ⅔ of that in whole 64s. */
  feedForward?: number;
  /** Rows of the word embedding; default 8192. */
  vocabulary?: number;
  /** Longest sequence in tokens; default 512. */
  positions?: number;
  /** Whether the output layer is the word embedding; default true, and always so of t5 and marian. */
  tiedEmbeddings?: boolean;
  /** Seed of the initial weights; default 0. */
  seed?: number;
}

export const isEncoderDecoder = (architecture: LanguageArchitecture): boolean =>
  (encoderDecoderArchitectures as readonly string[]).includes(architecture);

export type LanguageModelSize = Required<LanguageModelOptions>;

/** What the graph of a family is written with. */
export interface LanguageModelContext extends TransformerContext {
  model: LanguageModelSize;
}

/** The options by name. */
export const languageModelKeys: readonly string[] = [
  ...[
    'architecture',
    'layers',
    'decoderLayers',
    'hidden',
    'heads',
    'keyValueHeads',
    'feedForward',
    'vocabulary',
    'positions',
  ],
  ...['tiedEmbeddings', 'seed'],
];

/** @throws UsageError for what is no whole number of at least `least` */
function whole(options: LanguageModelOptions, name: keyof LanguageModelOptions, fallback: number, least = 1): number {
  const { [name]: value = fallback } = options;
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw new UsageError(
    `language model option '${name}' must be a whole number of at least ${least}, found ${typeof value === 'number' ? value : kindOfValue(value)}`,
  );
}

/** Of a protobuf message. */
const mostGigabytes = 2.1;

/** Elements of the matrices of the larger file. */
function matrixElements(size: LanguageModelSize): number {
  const { architecture, hidden, heads, keyValueHeads, feedForward, vocabulary, tiedEmbeddings } = size;
  const attention = 2 * hidden ** 2 * (1 + keyValueHeads / heads);
  const words = vocabulary * hidden * (tiedEmbeddings ? 1 : 2);
  if (isEncoderDecoder(architecture)) return words + size.decoderLayers * (2 * attention + 2 * hidden * feedForward);
  return words + size.layers * (attention + (architecture === 'llama' ? 3 : 2) * hidden * feedForward);
}

/** Fills in the defaults; throws UsageError for sizes that make no model. */
export function languageModelSize(options: LanguageModelOptions): LanguageModelSize {
  checkOptions(options, 'buildLanguageModel: options', languageModelKeys);
  const { architecture } = options;
  if (!languageArchitectures.includes(architecture))
    throw new UsageError(
      `language model option 'architecture' must be one of ${languageArchitectures.join(', ')}, found ${kindOfValue(architecture)} '${architecture}'`,
    );
  const hidden = whole(options, 'hidden', 256);
  const heads = whole(options, 'heads', Math.max(1, Math.floor(hidden / 64)));
  const wide = architecture === 'llama' ? 64 * Math.ceil((8 * hidden) / 3 / 64) : 4 * hidden;
  const keyValueHeads = whole(options, 'keyValueHeads', heads);
  const layers = whole(options, 'layers', 4);
  const numbers = {
    ...{ layers, hidden, heads, keyValueHeads },
    decoderLayers: whole(options, 'decoderLayers', layers),
    feedForward: whole(options, 'feedForward', wide),
    vocabulary: whole(options, 'vocabulary', 8192),
    positions: whole(options, 'positions', 512),
    seed: whole(options, 'seed', 0, 0),
  };
  const { tiedEmbeddings = true } = options;
  if (typeof tiedEmbeddings !== 'boolean')
    throw new UsageError(
      `language model option 'tiedEmbeddings' must be true or false, found ${kindOfValue(tiedEmbeddings)}`,
    );
  const divides = (of: string, whole: number, by: string, part: number) => {
    if (whole % part !== 0)
      throw new UsageError(
        `language model option '${by}' must divide '${of}': ${whole} is no multiple of ${part}. Choose a multiple of it, or another ${by}.`,
      );
  };
  divides('hidden', hidden, 'heads', heads);
  divides('heads', heads, 'keyValueHeads', keyValueHeads);
  if (architecture === 'llama' && (hidden / heads) % 2 !== 0)
    throw new UsageError(
      `language model options 'hidden' ${hidden} and 'heads' ${heads} give heads of ${hidden / heads} numbers, and rotary positions turn pairs of them: choose an even size`,
    );
  if (architecture !== 'llama' && keyValueHeads !== heads)
    throw new UsageError(
      `language model option 'keyValueHeads' is for llama: ${architecture} has keys and values for each of its ${heads} heads`,
    );
  const paired = isEncoderDecoder(architecture);
  if (!paired && options.decoderLayers !== undefined)
    throw new UsageError(
      `language model option 'decoderLayers' is for ${encoderDecoderArchitectures.join(' and ')}: ${architecture} has layers alone`,
    );
  if (paired && !tiedEmbeddings)
    throw new UsageError(
      `language model option 'tiedEmbeddings' must be true for ${architecture}, whose encoder, decoder and output layer share one embedding`,
    );
  const size = { architecture, ...numbers, tiedEmbeddings };
  const gigabytes = (4 * matrixElements(size)) / 1e9;
  if (gigabytes > mostGigabytes)
    throw new UsageError(
      `a model of these sizes has a file of ${gigabytes.toFixed(1)} GB, and an ONNX file by itself has at most ${mostGigabytes}: choose fewer layers, or smaller ones`,
    );
  return size;
}
