// When two labels are one name in other letters: people and programs write 'spam', 'Spam ' and 'ｓｐａｍ', or 1, 1.0 and
// 01. The plain form of a name is what remains without white space around it, invisible characters, case, width
// (Unicode's NFKC) and the form of a number. It only compares names: none is ever shown or saved in it.

/** Format characters, controls and variation selectors: they take no place in print. */
const invisible = /[\p{Cf}\p{Cc}\p{Variation_Selector}]/gu;
const number = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(e[+-]?\d+)?$/;
/** Digits that are taken for a number at most. */
const mostDigits = 400;

/** Names with the same plain form look alike. */
export function plainForm(name: string): string {
  const text = name.normalize('NFKC').replaceAll(/\s+/gu, ' ').replace(invisible, '').trim();
  // Upper case first, as Unicode's case folding does with ß and the final sigma.
  const folded = text.toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFKC');
  return numberForm(folded) ?? folded;
}

/** A number without sign of plus, leading zeros and zeros at the end of a fraction; undefined for what is none. */
function numberForm(text: string): string | undefined {
  const parts = text.length > mostDigits ? null : number.exec(text);
  if (!parts) return undefined;
  const [, sign, whole = '', fraction = parts[4] ?? '', , exponent] = parts;
  if (exponent !== undefined) return String(Number(text));
  const digits = whole.replace(/^0+/, '') || '0';
  const rest = fraction.replace(/0+$/, '');
  const value = rest === '' ? digits : `${digits}.${rest}`;
  return sign === '-' && value !== '0' ? `-${value}` : value;
}

/** Whether a label is a number by its form. */
export const isNumber = (label: string): boolean => number.test(plainForm(label));

/** The whole number from 0 that a label is, as numbers of classes are; undefined for any other label. */
export function classNumber(label: string): number | undefined {
  const text = plainForm(label);
  return text.length <= 15 && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Whether a label is the number of one of so many classes. */
export const isBelow = (label: string, classes: number): boolean => (classNumber(label) ?? classes) < classes;
