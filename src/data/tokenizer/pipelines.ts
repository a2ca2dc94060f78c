// What the tokenizer classes of Python's transformers build around the vocabulary of tokenizer.json, in the terms of
// that file: normaliser, splitting, settings of the model and special tokens around the texts, by the keys of
// tokenizer_config.json. Source: transformers 5.18.0, models/*/tokenization_*.py. Classes that are not here are
// followed as their tokenizer.json says (python-classes.ts).

import type { Json } from '../../files/json.js';

/** Values of the keys that a class takes, its own defaults where the file has none. */
export interface Settings {
  flag(key: string, fallback: boolean): boolean;
  value(key: string): unknown;
  /** Content of a special token. */
  token(key: string): string | undefined;
  id(content: string): number | undefined;
  /** Of the file's normaliser: what SentencePiece maps characters to. */
  charsmap: Json | undefined;
}

export interface Pipeline {
  normalizer: Json | null;
  preTokenizer: Json;
  /** Over the file's model; its vocabulary and merges stay. */
  model: Json;
  /** Undefined: the file's own. */
  postProcessor?: Json | undefined;
}

export interface PythonPipeline {
  /** Of special tokens that the files do not name; null: the class has none. */
  tokens: Readonly<Record<string, string>>;
  /** The mask token takes the space before it where the files give it as a text. */
  maskTakesSpace?: boolean;
  /** Kind of the model in tokenizer.json. */
  model: 'WordPiece' | 'BPE' | 'Unigram';
  build(settings: Settings): Pipeline;
  /** Further tokens that the class adds. */
  extra?(settings: Settings): string[];
}

const sequence = (normalizers: Json[]): Json => ({ type: 'Sequence', normalizers });
const splits = (pretokenizers: Json[]): Json => ({ type: 'Sequence', pretokenizers });
const replace = (pattern: Json, content: string): Json => ({ type: 'Replace', pattern, content });
const special = (id: string, type_id: number): Json => ({ SpecialToken: { id, type_id } });
const text = (id: 'A' | 'B', type_id: number): Json => ({ Sequence: { id, type_id } });
const byteLevel = (add_prefix_space: boolean, use_regex = true): Json => ({
  type: 'ByteLevel',
  ...{ add_prefix_space, trim_offsets: true, use_regex },
});
const metaspace = (prepend_scheme: string, split = true): Json => ({
  type: 'Metaspace',
  ...{ replacement: '▁', prepend_scheme, split },
});
const byteBpe: Json = {
  ...{ dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '' },
  ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false },
};

function template(settings: Settings, single: Json[], pair: Json[], tokens: readonly (string | undefined)[]): Json {
  const named = tokens.filter((token) => token !== undefined);
  const special_tokens = Object.fromEntries(named.map((id) => [id, { id, ids: [settings.id(id) ?? 0], tokens: [id] }]));
  return { type: 'TemplateProcessing', single, pair, special_tokens };
}

/** [CLS] A [SEP], and B [SEP] of the second type. */
function bertTemplate(settings: Settings): Json {
  const [cls, sep] = [settings.token('cls_token')!, settings.token('sep_token')!];
  const single = [special(cls, 0), text('A', 0), special(sep, 0)];
  return template(settings, single, [...single, text('B', 1), special(sep, 1)], [cls, sep]);
}

/** <s> A </s>, and </s> B </s>, all of the first type. */
function robertaTemplate(settings: Settings, begin: string, end: string): Json {
  const [bos, eos] = [settings.token(begin)!, settings.token(end)!];
  const single = [special(bos, 0), text('A', 0), special(eos, 0)];
  return template(settings, single, [...single, special(eos, 0), text('B', 0), special(eos, 0)], [bos, eos]);
}

/** The token of the language before A </s>, or behind it; undefined where the vocabulary has none. */
function languageTemplate(settings: Settings, usual: string, before: boolean): Json | undefined {
  const named = settings.value('src_lang');
  const language = typeof named === 'string' ? named : usual;
  if (settings.id(language) === undefined) return undefined;
  const end = settings.token('eos_token')!;
  const around = (...texts: Json[]): Json[] =>
    before ? [special(language, 0), ...texts, special(end, 0)] : [...texts, special(end, 0), special(language, 0)];
  return template(settings, around(text('A', 0)), around(text('A', 0), text('B', 0)), [end, language]);
}

const robertaProcessing = (settings: Settings, end: string, begin: string): Json => {
  const [sep, cls] = [settings.token(end)!, settings.token(begin)!];
  return {
    type: 'RobertaProcessing',
    ...{ sep: [sep, settings.id(sep) ?? 0], cls: [cls, settings.id(cls) ?? 0] },
    ...{ trim_offsets: true, add_prefix_space: settings.flag('add_prefix_space', false) },
  };
};

const bertPipeline = (settings: Settings): Pipeline => ({
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: settings.flag('tokenize_chinese_chars', true),
    strip_accents: settings.value('strip_accents') ?? null,
    lowercase: settings.flag('do_lower_case', true),
  },
  preTokenizer: { type: 'BertPreTokenizer' },
  model: {
    ...{ unk_token: settings.token('unk_token'), continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
  },
});

const charsmapOnly = ({ charsmap }: Settings): Json | null => charsmap ?? null;

/** Words at white space, each with the mark before it. */
const spaced = (settings: Settings): Json =>
  splits([{ type: 'WhitespaceSplit' }, metaspace(settings.flag('add_prefix_space', true) ? 'always' : 'never')]);

const quotes = [replace({ String: '``' }, '"'), replace({ String: "''" }, '"')];

const bertTokens = { unk_token: '[UNK]', sep_token: '[SEP]', pad_token: '[PAD]', cls_token: '[CLS]' };
const robertaTokens = {
  ...{ bos_token: '<s>', eos_token: '</s>', sep_token: '</s>', cls_token: '<s>', unk_token: '<unk>' },
  ...{ pad_token: '<pad>', mask_token: '<mask>' },
};
const { bos_token: _, ...mbart50Tokens } = robertaTokens;
const endOfText = '<|endoftext|>';

const qwenPattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const clipPattern =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

export const pipelines: Readonly<Record<string, PythonPipeline>> = {
  BertTokenizer: {
    model: 'WordPiece',
    tokens: { ...bertTokens, mask_token: '[MASK]' },
    build: (settings) => ({ ...bertPipeline(settings), postProcessor: bertTemplate(settings) }),
  },
  MPNetTokenizer: {
    model: 'WordPiece',
    tokens: { ...robertaTokens, unk_token: '[UNK]' },
    maskTakesSpace: true,
    build: (settings) => ({
      ...bertPipeline(settings),
      postProcessor: { ...robertaProcessing(settings, 'sep_token', 'cls_token'), add_prefix_space: false },
    }),
  },
  RobertaTokenizer: {
    model: 'BPE',
    tokens: robertaTokens,
    build: (settings) => ({
      normalizer: null,
      preTokenizer: byteLevel(settings.flag('add_prefix_space', false)),
      model: byteBpe,
      postProcessor: robertaProcessing(settings, 'sep_token', 'cls_token'),
    }),
  },
  GPT2Tokenizer: {
    model: 'BPE',
    tokens: { unk_token: endOfText, bos_token: endOfText, eos_token: endOfText },
    build: (settings) => ({
      normalizer: null,
      preTokenizer: byteLevel(settings.flag('add_prefix_space', false)),
      model: byteBpe,
    }),
  },
  GPTNeoXTokenizer: {
    model: 'BPE',
    tokens: { unk_token: endOfText, bos_token: endOfText, eos_token: endOfText, pad_token: '<|padding|>' },
    build: (settings) => ({
      normalizer: { type: 'NFC' },
      preTokenizer: byteLevel(settings.flag('add_prefix_space', false)),
      model: byteBpe,
    }),
  },
  DebertaTokenizer: {
    model: 'BPE',
    tokens: { bos_token: '[CLS]', eos_token: '[SEP]', ...bertTokens, mask_token: '[MASK]' },
    maskTakesSpace: true,
    build: (settings) => ({
      normalizer: null,
      preTokenizer: byteLevel(settings.flag('add_prefix_space', false)),
      model: byteBpe,
      postProcessor: robertaTemplate(settings, 'cls_token', 'sep_token'),
    }),
  },
  DebertaV2Tokenizer: {
    model: 'Unigram',
    tokens: { bos_token: '[CLS]', eos_token: '[SEP]', ...bertTokens, mask_token: '[MASK]' },
    build: (settings) => ({
      normalizer: sequence([
        ...(settings.flag('do_lower_case', false) ? [{ type: 'Lowercase' }] : []),
        replace({ Regex: '\\s{2,}|[\\n\\r\\t]' }, ' '),
        { type: 'NFC' },
        { type: 'Strip', strip_left: false, strip_right: true },
      ]),
      preTokenizer: splits([
        ...(settings.flag('split_by_punct', false) ? [{ type: 'Punctuation', behavior: 'Isolated' }] : []),
        metaspace(settings.flag('add_prefix_space', true) ? 'always' : 'first'),
      ]),
      // Where the vocabulary has the unknown token with the score 0, else the file of the class says 1.
      model: { unk_id: settings.id(settings.token('unk_token')!) ?? 1, byte_fallback: false },
      postProcessor: bertTemplate(settings),
    }),
  },
  CLIPTokenizer: {
    model: 'BPE',
    tokens: { unk_token: endOfText, bos_token: '<|startoftext|>', eos_token: endOfText, pad_token: endOfText },
    build: (settings) => ({
      normalizer: sequence([{ type: 'NFC' }, replace({ Regex: '\\s+' }, ' '), { type: 'Lowercase' }]),
      preTokenizer: splits([
        { type: 'Split', pattern: { Regex: clipPattern }, behavior: 'Removed', invert: true },
        byteLevel(false),
      ]),
      model: { ...byteBpe, unk_token: settings.token('unk_token'), end_of_word_suffix: '</w>' },
      postProcessor: {
        ...robertaProcessing(settings, 'eos_token', 'bos_token'),
        ...{ trim_offsets: false, add_prefix_space: false },
      },
    }),
  },
  LlamaTokenizer: {
    model: 'BPE',
    tokens: { unk_token: '<unk>', bos_token: '<s>', eos_token: '</s>' },
    build: (settings) => ({
      normalizer: null,
      preTokenizer: metaspace(
        settings.flag('add_prefix_space', true) ? (settings.flag('legacy', false) ? 'always' : 'first') : 'never',
        false,
      ),
      model: {
        ...byteBpe,
        ...{ continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: true, byte_fallback: true },
      },
    }),
  },
  Qwen2Tokenizer: {
    model: 'BPE',
    tokens: { unk_token: endOfText, eos_token: endOfText, pad_token: endOfText },
    build: (settings) => ({
      normalizer: { type: 'NFC' },
      preTokenizer: splits([
        { type: 'Split', pattern: { Regex: qwenPattern }, behavior: 'Isolated', invert: false },
        byteLevel(settings.flag('add_prefix_space', false), false),
      ]),
      model: byteBpe,
    }),
  },
  XLMRobertaTokenizer: {
    model: 'Unigram',
    tokens: robertaTokens,
    build: (settings) => ({
      normalizer: charsmapOnly(settings),
      preTokenizer: spaced(settings),
      model: { unk_id: 3, byte_fallback: false },
      postProcessor: robertaTemplate(settings, 'bos_token', 'eos_token'),
    }),
  },
  AlbertTokenizer: {
    model: 'Unigram',
    tokens: {
      bos_token: '[CLS]',
      eos_token: '[SEP]',
      ...bertTokens,
      unk_token: '<unk>',
      pad_token: '<pad>',
      mask_token: '[MASK]',
    },
    build: (settings) => ({
      normalizer: sequence([
        ...quotes,
        ...(settings.flag('keep_accents', false) ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
        ...(settings.flag('do_lower_case', true) ? [{ type: 'Lowercase' }] : []),
        ...(settings.charsmap ? [settings.charsmap] : []),
      ]),
      preTokenizer: spaced(settings),
      model: { unk_id: 1, byte_fallback: false },
      postProcessor: bertTemplate(settings),
    }),
  },
  T5Tokenizer: {
    model: 'Unigram',
    tokens: { eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>' },
    build: (settings) => {
      const end = '</s>';
      const single = [text('A', 0), special(end, 0)];
      return {
        normalizer: charsmapOnly(settings),
        preTokenizer: splits([{ type: 'WhitespaceSplit' }, metaspace('always')]),
        model: { unk_id: 2, byte_fallback: false },
        postProcessor: template(settings, single, [...single, text('B', 0), special(end, 0)], [end]),
      };
    },
    extra(settings) {
      const count = settings.value('extra_ids');
      return Array.from({ length: typeof count === 'number' ? count : 100 }, (_, i) => `<extra_id_${i}>`);
    },
  },
  MBartTokenizer: {
    model: 'Unigram',
    tokens: robertaTokens,
    maskTakesSpace: true,
    build: (settings) => ({
      normalizer: null,
      preTokenizer: splits([{ type: 'WhitespaceSplit' }, metaspace('always')]),
      model: { unk_id: 3, byte_fallback: false },
      postProcessor: languageTemplate(settings, 'en_XX', false),
    }),
  },
  MBart50Tokenizer: {
    model: 'Unigram',
    tokens: mbart50Tokens,
    maskTakesSpace: true,
    build: (settings) => ({
      normalizer: sequence([...(settings.charsmap ? [settings.charsmap] : []), replace({ Regex: ' {2,}' }, ' ')]),
      preTokenizer: metaspace('always'),
      model: { unk_id: 3, byte_fallback: false },
      postProcessor: languageTemplate(settings, 'en_XX', true),
    }),
  },
  NllbTokenizer: {
    model: 'BPE',
    tokens: robertaTokens,
    maskTakesSpace: true,
    build: (settings) => ({
      normalizer: settings.charsmap ? sequence([settings.charsmap, replace({ Regex: ' {2,}' }, ' ')]) : null,
      preTokenizer: metaspace('always'),
      model: { dropout: null, unk_token: settings.token('unk_token'), fuse_unk: true, byte_fallback: false },
      postProcessor: languageTemplate(settings, 'eng_Latn', !settings.flag('legacy_behaviour', false)),
    }),
  },
  CamembertTokenizer: {
    model: 'Unigram',
    tokens: robertaTokens,
    maskTakesSpace: true,
    build: (settings) => ({
      normalizer: charsmapOnly(settings),
      preTokenizer: spaced(settings),
      model: { unk_id: settings.id(settings.token('unk_token')!) ?? 0, byte_fallback: false },
      postProcessor: robertaTemplate(settings, 'bos_token', 'eos_token'),
    }),
    extra: () => ['<s>NOTUSED', '</s>NOTUSED', '<unk>NOTUSED'],
  },
};
