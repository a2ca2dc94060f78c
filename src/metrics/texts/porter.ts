// Porter's stemmer with NLTK's extensions, which rouge-score and NLTK's METEOR use: walking, walked and walks become
// walk. Sources: M. F. Porter, An algorithm for suffix stripping, 1980; https://www.nltk.org/api/nltk.stem.porter.html
// (mode NLTK_EXTENSIONS). Packages of the published algorithm give other stems of some words: y after a consonant,
// -ies and -ied of four letters, -alli, -fulli, -logi, and the irregular forms below.

/** In steps below: what a word ends in, what comes in its place, and whether it may in view of what is before it. */
type Rule = readonly [suffix: string, replacement: string, may: (stem: string) => boolean];

const irregular = new Map(
  Object.entries({
    sky: 'sky skies',
    die: 'dying',
    lie: 'lying',
    tie: 'tying',
    news: 'news',
    inning: 'innings inning',
    outing: 'outings outing',
    canning: 'cannings canning',
    howe: 'howe',
    proceed: 'proceed',
    exceed: 'exceed',
    succeed: 'succeed',
  }).flatMap(([stem, forms]) => forms.split(' ').map((form) => [form, stem] as const)),
);

/** The word as c and v: y is a vowel behind a consonant, every letter but a, e, i, o, u another consonant. */
function letters(word: string): string {
  let kinds = '';
  for (const letter of word) kinds += 'aeiou'.includes(letter) || (letter === 'y' && kinds.endsWith('c')) ? 'v' : 'c';
  return kinds;
}

/** Porter's m: how often consonants follow vowels. */
const measure = (stem: string): number => letters(stem).split('vc').length - 1;
const over =
  (least: number) =>
  (stem: string): boolean =>
    measure(stem) > least;
const always = (): boolean => true;

const endsDouble = (stem: string): boolean =>
  stem.length > 1 && stem.at(-1) === stem.at(-2) && letters(stem).endsWith('c');

/** Such as hop and fil, or a vowel and a consonant alone. */
function endsShort(stem: string): boolean {
  const kinds = letters(stem);
  return kinds === 'vc' || (kinds.endsWith('cvc') && !'wxy'.includes(stem.at(-1)!));
}

/** The first rule whose suffix the word has decides. */
function apply(word: string, rules: readonly Rule[]): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (!rule) return word;
  const [suffix, replacement, may] = rule;
  const stem = word.slice(0, word.length - suffix.length);
  return may(stem) ? stem + replacement : word;
}

/** 'ational>ate ness>': what is replaced by what. */
const rules = (text: string, may: Rule[2]): Rule[] =>
  text.split(' ').map((rule) => {
    const [suffix, replacement] = rule.split('>');
    return [suffix!, replacement!, may] as const;
  });

const plurals = rules('sses>ss ies>i ss>ss s>', always);
const step1a = (word: string): string => (/^.ies$/u.test(word) ? word.slice(0, -1) : apply(word, plurals));

function step1b(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith('eed')) return apply(word, rules('eed>ee', over(0)));
  const suffix = ['ed', 'ing'].find((one) => word.endsWith(one) && letters(word.slice(0, -one.length)).includes('v'));
  if (!suffix) return word;
  const stem = word.slice(0, -suffix.length);
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsDouble(stem)) return 'lsz'.includes(stem.at(-1)!) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem;
}

const step1c = (word: string): string =>
  apply(word, [['y', 'i', (stem) => stem.length > 1 && letters(stem).endsWith('c')]]);

const derived: Rule[] = [
  ...rules(
    'ational>ate tional>tion enci>ence anci>ance izer>ize bli>ble alli>al entli>ent eli>e ousli>ous ization>ize ' +
      'ation>ate ator>ate alism>al iveness>ive fulness>ful ousness>ous aliti>al iviti>ive biliti>ble fulli>ful',
    over(0),
  ),
  ['logi', 'log', (stem) => measure(`${stem}l`) > 0],
];
function step2(word: string): string {
  const stem = word.slice(0, -4);
  return word.endsWith('alli') && measure(stem) > 0 ? step2(`${stem}al`) : apply(word, derived);
}

const adjectives = rules('icate>ic ative> alize>al iciti>ic ical>ic ful> ness>', over(0));
const endings: Rule[] = [
  ...rules('al> ance> ence> er> ic> able> ible> ant> ement> ment> ent>', over(1)),
  ['ion', '', (stem) => measure(stem) > 1 && /[st]$/.test(stem)],
  ...rules('ou> ism> ate> iti> ous> ive> ize>', over(1)),
];

function step5(word: string): string {
  const last: Rule = ['e', '', (stem) => measure(stem) > 1 || (measure(stem) === 1 && !endsShort(stem))];
  const stem = apply(word, [last]);
  return apply(stem, [['ll', 'l', (before) => measure(`${before}l`) > 1]]);
}

/** The stem of a word in lower case. */
export function porterStem(word: string): string {
  const known = irregular.get(word);
  if (known) return known;
  if (word.length < 3) return word;
  const stem = step2(step1c(step1b(step1a(word))));
  return step5(apply(apply(stem, adjectives), endings));
}
