// Tokens of languages: around texts as Python's tokenizers have them (fixtures/seq2seq/languages.py), where the decoder
// begins, and codes that are refused.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RustTokenizer } from '#ortune/data/tokenizer/rust.js';
import { languageOf, nearestCodes } from '#ortune/tasks/seq2seq/codes.js';
import { languagesOf, refuseSwapped } from '#ortune/tasks/seq2seq/languages.js';
import { temporaryDirectory } from '../support/temporary.js';

type Json = Record<string, unknown>;
interface Golden {
  files: { 'tokenizer.json': Json; 'tokenizer_config.json': Json };
  texts: string[];
  source: string;
  target: string;
  sources: number[][];
  targets: number[][];
}

const root = temporaryDirectory('languages');
const goldens = JSON.parse(
  readFileSync(fileURLToPath(new URL('../fixtures/seq2seq/languages.json', import.meta.url)), 'utf8'),
) as Record<'mbart' | 'mbart50' | 'nllb' | 'nllb-legacy', Golden>;
const types = { mbart: 'mbart', mbart50: 'mbart', nllb: 'm2m_100', 'nllb-legacy': 'm2m_100' } as const;
let made = 0;

/** A directory with a tokenizer and the type of a model. */
function written({ files }: Golden, type: string, settings: Json = {}): string {
  const directory = join(root, String(made++));
  mkdirSync(directory);
  const config = { ...files['tokenizer_config.json'], ...settings };
  for (const [name, json] of Object.entries({
    ...files,
    'tokenizer_config.json': config,
    'config.json': { model_type: type },
  }))
    writeFileSync(join(directory, name), JSON.stringify(json));
  return directory;
}

describe.each(['mbart', 'mbart50', 'nllb', 'nllb-legacy'] as const)('%s', (name) => {
  const golden = goldens[name];
  const contents = { tokenizer: golden.files['tokenizer.json'], config: golden.files['tokenizer_config.json'] };
  const encode = async (tokenizer: RustTokenizer) =>
    Promise.all(golden.texts.map(async (text) => (await tokenizer.encode(text)).ids));

  it('has the tokens of Python around sources and targets', async () => {
    const { source, target } = golden;
    const { around } = languagesOf(written(golden, types[name]), { source, target })!;
    expect(await encode(new RustTokenizer(contents, 512, around.source))).toEqual(golden.sources);
    expect(await encode(new RustTokenizer(contents, 512, around.target))).toEqual(golden.targets);
    // Without a word of languages, those of the files.
    expect(await encode(new RustTokenizer(contents, 512))).toEqual(golden.sources);
  });

  it('cuts texts between them', async () => {
    const { source, target } = golden;
    const { around } = languagesOf(written(golden, types[name]), { source, target })!;
    const { ids } = await new RustTokenizer(contents, 4, around.target).encode(golden.texts[0]!);
    const whole = golden.targets[0]!;
    const behind = around.target.after.length;
    expect(ids).toEqual([...whole.slice(0, 4 - behind), ...whole.slice(-behind)]);
  });
});

describe('where the decoder begins', () => {
  const found = (name: keyof typeof goldens) => {
    const { source, target } = goldens[name];
    const { start, forced } = languagesOf(written(goldens[name], types[name]), { source, target })!;
    return { start, forced };
  };

  it('mBART starts with the language, mBART-50 with the end and then the language, NLLB writes the language first', () => {
    const code = (name: keyof typeof goldens) => goldens[name].targets[0]!;
    expect(found('mbart')).toEqual({ start: code('mbart').at(-1), forced: undefined });
    expect(found('mbart50')).toEqual({ start: code('mbart50').at(-1), forced: code('mbart50')[0] });
    expect(found('nllb')).toEqual({ start: undefined, forced: code('nllb')[0] });
    expect(found('nllb-legacy')).toEqual({ start: undefined, forced: code('nllb-legacy').at(-1) });
  });

  it('M2M-100 has its codes between underscores, and is known by the type of the model', () => {
    const text = JSON.stringify(goldens.nllb.files).replaceAll('eng_Latn', '__en__').replaceAll('fra_Latn', '__fr__');
    const files = JSON.parse(text) as Golden['files'];
    const directory = written({ ...goldens.nllb, files }, 'm2m_100', { tokenizer_class: undefined });
    const languages = languagesOf(directory, { source: 'fr', target: '__en__' })!;
    expect(languages).toMatchObject({
      source: 'fr',
      target: 'en',
      around: { target: { before: ['__en__'], after: ['</s>'] } },
    });
  });

  it('languages that the files name are the usual ones, and models of one pair have none', () => {
    const directory = written(goldens.mbart, 'mbart');
    expect(languagesOf(directory, {})).toMatchObject({ source: 'en_XX', target: 'de_DE' });
    expect(languagesOf(written(goldens.mbart, 't5', { tokenizer_class: 'T5Tokenizer' }), {})).toBeUndefined();
  });
});

describe('what is refused', () => {
  const mbart = (source?: string, target?: string) =>
    languagesOf(written(goldens.mbart, 'mbart', { tgt_lang: undefined }), { source, target });

  it.each<[string, RegExp, () => unknown]>([
    [
      'an unknown code',
      /'sourceLang': the model has no language 'en'; near it are en_XX, .*\(of 25 in all\)/,
      () => mbart('en', 'de_DE'),
    ],
    [
      'a code the wrong way round',
      /'targetLang': the model has no language 'XX_fr'; near it are fr_XX/,
      () => mbart('en_XX', 'XX_fr'),
    ],
    [
      'a missing code',
      /option 'targetLang' is missing: texts of this model carry a token of their language; it has ar_AR, cs_CZ/,
      () => mbart('en_XX'),
    ],
    ['one language', /are both 'en_XX'/, () => mbart('en_XX', 'en_XX')],
    [
      'a tokenizer that is not known',
      /models of type 'mbart' put a token .* of tokenizer_class 'BartTokenizer' it is not known how. Expected MBartTokenizer/,
      () => languagesOf(written(goldens.mbart, 'mbart', { tokenizer_class: 'BartTokenizer' }), {}),
    ],
    [
      'a tokenizer without languages',
      /MBartTokenizer has no tokens of languages among its special ones/,
      () => {
        const files = JSON.parse(
          JSON.stringify(goldens.mbart.files).replaceAll(/"[a-z]{2}_[A-Z]{2}"/g, '"a"'),
        ) as Golden['files'];
        return languagesOf(written({ ...goldens.mbart, files }, 'mbart'), {});
      },
    ],
  ])('%s', (_, message, work) => {
    expect(work).toThrow(message);
  });

  it.each<[string, RegExp, Record<string, string>, Json]>([
    [
      'columns',
      /the source is read from column 'de', the target from 'en': swap/,
      { sourceColumn: 'de', targetColumn: 'en' },
      {},
    ],
    [
      'a prefix',
      /sourcePrefix says 'translate German to English: ': swap/,
      { prefix: 'translate German to English: ' },
      {},
    ],
    [
      'a model',
      /the model translates from 'deu' to 'eng' \(.*tokenizer_config.json\): swap/,
      {},
      { source_lang: 'deu', target_lang: 'eng' },
    ],
  ])('languages that %s has the other way round', (_, message, more, settings) => {
    const directory = written(goldens.mbart, 'marian', settings);
    const refuse = (sourceLang: string, targetLang: string) => () =>
      refuseSwapped(directory, { sourceLang, targetLang, ...more });
    expect(refuse('en', 'de')).toThrow(message);
    expect(refuse('eng_Latn', 'deu_Latn')).toThrow(message);
    expect(refuse('de', 'en')).not.toThrow();
    expect(refuse('en', 'fr')).not.toThrow();
  });
});

it('codes and names stand for languages', () => {
  expect(['en', 'eng', 'en_XX', 'eng_Latn', '__en__', 'English'].map(languageOf)).toEqual(Array(6).fill('en'));
  expect(languageOf('source')).not.toBe('en');
  expect(nearestCodes('german', ['ace_Latn', 'deu_Latn', 'ger_XX'])[0]).toBe('deu_Latn');
});
