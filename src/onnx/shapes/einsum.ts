// Einsum equations with the ellipsis and the implicit output spelled out: one label per axis. Ellipsis axes are
// labelled by their distance from the last ellipsis axis ('.0', '.1', …), so that they broadcast from the right, as the
// operator says. Source: the ONNX reference of Einsum.

import { quote } from '../../quote.js';
import type { TypeContext, TypeRule } from './context.js';

export interface Equation {
  /** Labels of the axes of each operand and of the output. */
  operands: string[][];
  output: string[];
}

function labelsOf(c: TypeContext, term: string, rank: number | undefined): string[] {
  const [left, right, more] = term.split('...');
  if (more !== undefined || !/^[A-Za-z]*$/.test(left! + (right ?? '')))
    c.fail(`${quote(term)} is no term of an equation`);
  const named = left!.length + (right?.length ?? 0);
  const covered = rank === undefined ? undefined : rank - named;
  if (covered !== undefined && (right === undefined ? covered !== 0 : covered < 0))
    c.fail(`${quote(term)} does not name the ${rank} axes of its operand`);
  const ellipsis = right === undefined ? [] : Array.from({ length: covered! }, (_, i) => `.${covered! - 1 - i}`);
  return [...left!, ...ellipsis, ...(right ?? '')];
}

/** Reads the equation of an Einsum node for the ranks of its inputs. */
export function equationOf(c: TypeContext): Equation {
  const text = String(c.node.attrs.get('equation')?.value ?? '').replaceAll(' ', '');
  const [inputs, output, more] = text.split('->');
  const terms = (inputs ?? '').split(',');
  if (more !== undefined || terms.length !== c.node.inputs.length)
    c.fail(`equation ${quote(text)} does not fit ${c.node.inputs.length} operands`);
  const operands = terms.map((term, i) => labelsOf(c, term, c.shape(i).length));
  const all = operands.flat();
  const ellipsis = [...new Set(all.filter((l) => l.startsWith('.')))].sort((a, b) => +b.slice(1) - +a.slice(1));
  if (output === undefined) {
    const once = all.filter((l) => !l.startsWith('.') && all.filter((other) => other === l).length === 1).sort();
    return { operands, output: [...ellipsis, ...once] };
  }
  const covered = output.includes('...') ? ellipsis.length : 0;
  const result = labelsOf(c, output, output.replace('...', '').length + covered);
  for (const l of result)
    if (!all.includes(l)) c.fail(`the output of equation ${quote(text)} names ${quote(l)}, no operand does`);
  return { operands, output: result };
}

/** The size of every label; axes of 1 broadcast. */
export function labelSizes(c: TypeContext, { operands }: Equation): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const [i, labels] of operands.entries())
    for (const [axis, label] of labels.entries()) {
      const [size, known] = [c.shape(i)[axis]!, sizes.get(label) ?? 1];
      if (known !== 1 && size !== 1 && known !== size) c.fail(`label ${quote(label)} is both ${known} and ${size}`);
      sizes.set(label, Math.max(known, size));
    }
  return sizes;
}

export const einsum: TypeRule = (c) => {
  const equation = equationOf(c);
  const sizes = labelSizes(c, equation);
  return [{ dtype: c.sameDtype(), shape: equation.output.map((label) => sizes.get(label)!) }];
};
