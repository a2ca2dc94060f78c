// A tokenizer as Python's transformers opens it: what it makes of tokenizer.json, tokenizer_config.json,
// special_tokens_map.json and added_tokens.json, as one tokenizer.json that the Rust tokenizers read. It is the ids
// that have to be equal; chat templates and decoding are nobody's concern here. Source: transformers 5.18.0,
// tokenization_utils_base.py (_from_pretrained), tokenization_utils_tokenizers.py (TokenizersBackend).

import { isObject, type Json, textOf } from '../../files/json.js';
import { quote } from '../../quote.js';
import { type PythonPipeline, pipelines, type Settings } from './pipelines.js';
import type { AroundTexts } from './protocol.js';
import { pythonClass } from './python-classes.js';

/** Contents of the files; undefined where there is none. */
export interface TokenizerContents {
  tokenizer: Json;
  config?: Json | undefined;
  specialTokens?: Json | undefined;
  addedTokens?: Json | undefined;
  /** Of a file of its own. */
  chatTemplate?: string | undefined;
  /** config.json of the model. */
  model?: { model_type?: unknown; tokenizer_class?: unknown } | undefined;
}

export interface PythonTokenizer {
  /** As Rust reads it; without truncation and padding. */
  json: Json;
  /**
   * Python builds the model anew, from the numbers as its own JSON reader has them: that of Rust may differ in the last
   * bit, by which one of two equally likely cuts is taken.
   */
  rebuilt: boolean;
  /** Class that Python opens it with; undefined: the general one. */
  className: string | undefined;
  padLeft: boolean;
  truncateLeft: boolean;
  padToken: string | undefined;
  maskToken: string | undefined;
  /** That ends a text. */
  endToken: string | undefined;
  /** Those that tokenizer_config.json names, such as bos_token. */
  named: Readonly<Record<string, string>>;
  /** Ids by content, of the vocabulary and of added tokens. */
  vocabulary: ReadonlyMap<string, number>;
  /** Ids of special tokens. */
  special: ReadonlySet<number>;
  /** Id of a part that has no token; undefined: there is none. */
  unknown: number | undefined;
  /** What the user should know. */
  notes: readonly string[];
}

interface Added extends Json {
  content: string;
  special: boolean;
}

const namedTokens = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

const addedOf = (value: Json, special: boolean): Added => ({
  content: String(value.content),
  single_word: value.single_word === true,
  lstrip: value.lstrip === true,
  rstrip: value.rstrip === true,
  normalized: typeof value.normalized === 'boolean' ? value.normalized : !special,
  special,
});

const contentOf = (value: unknown): string | undefined => (isObject(value) ? textOf(value.content) : textOf(value));

/** Tokens in the order in which they were added, with the ids that Rust gives them: those of the file do not count. */
class Vocabulary {
  readonly ids = new Map<string, number>();
  readonly added = new Map<string, Added>();
  readonly #size: number;
  #last = -1;

  constructor(vocab: unknown) {
    const entries = Array.isArray(vocab)
      ? vocab.map((entry, i): [string, number] => [String((entry as unknown[])[0]), i])
      : Object.entries((vocab ?? {}) as Record<string, number>);
    for (const [token, id] of entries) this.ids.set(token, id);
    this.#size = entries.length;
  }

  add(token: Added): void {
    const { content } = token;
    if (content === '') return;
    const id = this.ids.get(content) ?? (this.#last >= this.#size ? this.#last + 1 : this.#size);
    this.ids.set(content, id);
    this.added.set(content, token);
    this.#last = Math.max(this.#last, id);
  }
}

/**
 * `around`: special tokens around texts, in place of those of the files. @throws Error for settings that cannot be
 * followed
 */
export function asPython(contents: TokenizerContents, around?: AroundTexts): PythonTokenizer {
  const config = mergedConfig(contents);
  const { tokenizer, model } = contents;
  if (!isObject(tokenizer.model)) throw new Error('it has no model');
  if (config.split_special_tokens === true)
    throw new Error(
      'split_special_tokens of tokenizer_config.json has special tokens in texts cut to pieces, which is not supported',
    );
  const named = textOf(contents.config?.tokenizer_class) ?? textOf(model?.tokenizer_class);
  const { name, unlike } = pythonClass(named, textOf(model?.model_type));
  const kind = kindOf(tokenizer.model);
  const known = name === undefined || unlike ? undefined : pipelines[name];
  const pipeline = known?.model === kind ? known : undefined;
  const notes: string[] = [];
  if (known && !pipeline)
    notes.push(
      `tokenizer.json has a ${kind} model, and Python's ${name} (tokenizer_class) needs ${known.model}: ids are those of tokenizer.json as it is`,
    );
  if (unlike) notes.push(`Python's ${name} ${unlike}: ids are those of tokenizer.json, and may differ from Python's`);
  const vocabulary = new Vocabulary((tokenizer.model as Json).vocab);
  addTokens(vocabulary, contents, config, pipeline);
  const tokens = (key: string): string | undefined => contentOf(config[key]) ?? pipeline?.tokens[key];
  const json: Json = { ...tokenizer, truncation: null, padding: null };
  if (pipeline) notes.push(...rebuild(json, pipeline, settingsOf(tokenizer, config, pipeline, vocabulary), name!));
  if (around) json.post_processor = templateAround(around);
  // Without special tokens, and the second of two texts of the second type.
  json.post_processor ??= {
    type: 'TemplateProcessing',
    single: [{ Sequence: { id: 'A', type_id: 0 } }],
    pair: ['A', 'B'].map((id, type_id) => ({ Sequence: { id, type_id } })),
    special_tokens: {},
  };
  json.post_processor = withTokens(json.post_processor, vocabulary);
  json.added_tokens = [...vocabulary.added.values()].map((token) => ({
    id: vocabulary.ids.get(token.content),
    ...token,
  }));
  const { padding, truncation } = tokenizer;
  const special = [...vocabulary.added.values()].filter((token) => token.special);
  return {
    json,
    rebuilt: pipeline !== undefined,
    className: name,
    padLeft:
      (textOf(config.padding_side) ?? (isObject(padding) ? textOf(padding.direction) : ''))?.toLowerCase() === 'left',
    truncateLeft:
      (textOf(config.truncation_side) ?? (isObject(truncation) ? textOf(truncation.direction) : ''))?.toLowerCase() ===
      'left',
    padToken: tokens('pad_token') ?? (isObject(padding) ? textOf(padding.pad_token) : undefined) ?? tokens('eos_token'),
    maskToken: tokens('mask_token'),
    endToken: tokens('eos_token'),
    named: Object.fromEntries(
      namedTokens.flatMap((key) => {
        const token = tokens(key);
        return token === undefined ? [] : [[key, token]];
      }),
    ),
    vocabulary: vocabulary.ids,
    special: new Set(special.map(({ content }) => vocabulary.ids.get(content)!)),
    unknown: unknownOf(json.model as Json, vocabulary),
    notes,
  };
}

const templateAround = ({ before, after }: AroundTexts): Json => {
  const [front, back] = [before, after].map((tokens) => tokens.map((id) => ({ SpecialToken: { id, type_id: 0 } })));
  const texts = (...ids: string[]) => [...front!, ...ids.map((id) => ({ Sequence: { id, type_id: 0 } })), ...back!];
  return { type: 'TemplateProcessing', single: texts('A'), pair: texts('A', 'B'), special_tokens: {} };
};

/** Without a name where the file is of an old version. */
function kindOf(model: Json): string {
  const { type, vocab, merges } = model;
  if (typeof type === 'string') return type;
  if (Array.isArray(vocab)) return 'Unigram';
  return merges !== undefined ? 'BPE' : 'continuing_subword_prefix' in model ? 'WordPiece' : 'WordLevel';
}

/** tokenizer_config.json, and over it special_tokens_map.json, which counts where the former lists no added tokens. */
function mergedConfig({ config = {}, specialTokens = {} }: TokenizerContents): Json {
  if (isObject(config.added_tokens_decoder)) return config;
  return { ...config, ...specialTokens };
}

/** Adds what Python adds, in its order. */
function addTokens(
  vocabulary: Vocabulary,
  { tokenizer, addedTokens = {} }: TokenizerContents,
  config: Json,
  pipeline: PythonPipeline | undefined,
): void {
  const own = (Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : []).filter(isObject);
  if (!pipeline) for (const token of own) vocabulary.add(addedOf(token, token.special === true));
  const values = Object.entries({ ...pipeline?.tokens, ...config })
    .filter(([key, value]) => namedTokens.includes(key) || (key.endsWith('_token') && typeof value === 'string'))
    .map(([key, value]): Added | undefined => {
      const content = contentOf(value);
      if (content === undefined) return undefined;
      const lstrip = key === 'mask_token' && pipeline?.maskTakesSpace === true;
      return addedOf(isObject(value) ? value : { content, lstrip }, true);
    })
    .filter((token) => token !== undefined);
  const listed = config.extra_special_tokens ?? config.additional_special_tokens ?? [];
  const extra = (Array.isArray(listed) ? listed : Object.values(listed as Json)).map((value: unknown) =>
    addedOf(isObject(value) ? value : { content: value }, true),
  );
  const names = new Set(values.map(({ content }) => content));
  const decoder = new Map<number, Added>();
  if (isObject(config.added_tokens_decoder)) {
    for (const [id, token] of Object.entries(config.added_tokens_decoder))
      if (isObject(token)) decoder.set(Number(id), addedOf(token, token.special === true));
  } else {
    for (const [content, id] of Object.entries(addedTokens)) {
      const special = names.has(content) || extra.some((token) => token.content === content);
      decoder.set(Number(id), addedOf({ content }, special));
    }
    for (const token of own) decoder.set(Number(token.id), addedOf(token, token.special === true));
  }
  for (const [, token] of [...decoder].sort(([a], [b]) => a - b))
    vocabulary.add({ ...token, special: token.special || names.has(token.content) });
  const settings = { value: (key: string) => config[key] } as Settings;
  const further = (pipeline?.extra?.(settings) ?? []).map((content) => addedOf({ content }, true));
  for (const token of [...values, ...extra, ...(config.additional_special_tokens ? [] : further)])
    if (!vocabulary.added.has(token.content)) vocabulary.add(token);
}

function settingsOf(tokenizer: Json, config: Json, { tokens }: PythonPipeline, { ids }: Vocabulary): Settings {
  const normalizers = isObject(tokenizer.normalizer)
    ? tokenizer.normalizer.type === 'Sequence' && Array.isArray(tokenizer.normalizer.normalizers)
      ? tokenizer.normalizer.normalizers
      : [tokenizer.normalizer]
    : [];
  return {
    flag: (key, fallback) => (typeof config[key] === 'boolean' ? config[key] : fallback),
    value: (key) => config[key],
    token: (key) => contentOf(config[key]) ?? tokens[key],
    id: (content) => ids.get(content),
    charsmap: normalizers.find((one) => isObject(one) && one.type === 'Precompiled') as Json | undefined,
  };
}

/** Puts the class's pipeline in the file's place, and says where they differ. */
function rebuild(json: Json, pipeline: PythonPipeline, settings: Settings, name: string): string[] {
  const before = json.model as Json;
  const { normalizer, preTokenizer, model, postProcessor } = pipeline.build(settings);
  const differs: string[] = [];
  const put = (key: string, value: Json | null): void => {
    if (!sameSettings(json[key] ?? null, value)) differs.push(key);
    json[key] = value;
  };
  put('normalizer', normalizer);
  put('pre_tokenizer', preTokenizer);
  const { vocab, merges } = before;
  json.model = { type: pipeline.model, ...model, vocab, ...(merges !== undefined && { merges }) };
  for (const [key, value] of Object.entries(model))
    if (before[key] !== undefined && (before[key] || null) !== (value || null)) differs.push(`model.${key}`);
  if (postProcessor !== undefined) json.post_processor = postProcessor;
  if (differs.length === 0) return [];
  const what = differs.map((key) => `${quote(key)}`).join(', ');
  return [
    `Python's ${name} replaces ${what} of tokenizer.json by its own, with the keys of tokenizer_config.json; texts are tokenised so here too`,
  ];
}

/** A template with the ids of all tokens that it puts around texts: Rust ends the process where one is missing. */
function withTokens(processor: unknown, { ids }: Vocabulary): unknown {
  if (!isObject(processor)) return processor;
  if (Array.isArray(processor.processors))
    return { ...processor, processors: processor.processors.map((one) => withTokens(one, { ids } as Vocabulary)) };
  if (processor.type !== 'TemplateProcessing') return processor;
  const listed = isObject(processor.special_tokens) ? processor.special_tokens : {};
  const parts = [processor.single, processor.pair].flatMap((part) => (Array.isArray(part) ? part : []));
  const named = parts.flatMap((part) => {
    const token = isObject(part) && isObject(part.SpecialToken) ? textOf(part.SpecialToken.id) : undefined;
    return token === undefined || token in listed ? [] : [token];
  });
  const missing = named.find((token) => !ids.has(token));
  if (missing !== undefined)
    throw new Error(`its post_processor puts '${missing}' around texts, which is no token of it`);
  const filled = named.map((id) => [id, { id, ids: [ids.get(id)], tokens: [id] }]);
  return { ...processor, special_tokens: { ...listed, ...Object.fromEntries(filled) } };
}

/** Whether two parts of a pipeline do the same, as far as their keys say; what the file leaves out has its default. */
function sameSettings(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, i) => sameSettings(value, other[i]));
  if (!isObject(one) || !isObject(other)) return one === other;
  const [a, b] = [unwrapped(one), unwrapped(other)];
  if (!isObject(a) || !isObject(b)) return a === b;
  return Object.keys(b).every((key) => key === 'trim_offsets' || a[key] === undefined || sameSettings(a[key], b[key]));
}

/** A sequence of one is that one. */
function unwrapped(part: Json): unknown {
  const list = part.type === 'Sequence' ? (part.normalizers ?? part.pretokenizers) : undefined;
  return Array.isArray(list) && list.length === 1 ? list[0] : part;
}

function unknownOf(model: Json, { ids }: Vocabulary): number | undefined {
  if (typeof model.unk_id === 'number') return model.byte_fallback === true ? undefined : model.unk_id;
  const token = textOf(model.unk_token);
  return token === undefined ? undefined : ids.get(token);
}
