// Prints what becomes of every operator of ONNX and of com.microsoft as Markdown tables, or with --write puts them
// between the markers of docs/operators.md. The tables of rules, definitions and traits are the one source; the lists
// of operators are those of test/fixtures/onnx.

import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inputRule, rules } from '../dist/autodiff/rules.js';
import { definedOperators } from '../dist/onnx/defined/table.js';
import { wholeNumberOperators } from '../dist/onnx/normalize/whole-numbers.js';
import { isQuantisedOperator, NEWEST_OPSET } from '../dist/onnx/refuse.js';
import { isOfSequences } from '../dist/onnx/specialize/sequences.js';

const fixture = (name) => JSON.parse(readFileSync(new URL(`../test/fixtures/onnx/${name}.json`, import.meta.url)));
const versions = fixture('operator-versions');
const microsoft = 'com.microsoft';

/** Written by ONNX Runtime's optimizer under the default domain, whose specification has no such operator. */
const besides = ['SimplifiedLayerNormalization'];

export const operators = {
  onnx: [...Object.keys(versions), ...besides].sort(),
  microsoft: fixture('microsoft-operators')
    .operators.map((op) => `${microsoft}.${op}`)
    .sort(),
};

/**
 * Constants become initializers; conditions are decided, or both branches are selected from; bodies are repeated.
 */
const resolved = new Set(['Constant', 'If', 'Loop', 'Scan']);

/** Older names of operators, which conversion replaces. */
const renamed = { Scatter: 'ScatterElements', Upsample: 'Resize' };

/** @param key `Op`, or `domain.Op` outside the default domain */
export function standingOf(key) {
  if (Object.hasOwn(renamed, key)) return standingOf(renamed[key]);
  const rule = rules.get(key);
  if (rule === null) return 'no derivative';
  if (rule) {
    const flows = Array.from({ length: 8 }, (_, input) => inputRule(rule, input)).some(Boolean);
    return flows ? 'gradient' : 'no derivative';
  }
  if (definedOperators.has(key)) return 'gradient';
  const [domain, op] = key.startsWith(`${microsoft}.`) ? [microsoft, key.slice(microsoft.length + 1)] : ['', key];
  if (wholeNumberOperators.includes(key)) return 'gradient';
  if (resolved.has(key) || isOfSequences({ domain, op })) return 'resolved';
  if (isQuantisedOperator(domain, op)) return 'quantised';
  return domain === '' && versions[op]?.[0] > NEWEST_OPSET ? 'later opset' : 'not yet';
}

/** What of an operator is left out, in a few words. */
const limits = {
  Attention: 'not the scores behind a mask or a cap as an output (qk_matmul_output_mode 1 and 2)',
  BatchNormalization: 'statistics of the batch through its training form, which is replaced when a file is opened',
  Compress: 'the condition is a constant',
  ConvInteger:
    'of what DynamicQuantizeLinear gives and weights that the file stores, up to the product with both scales',
  DequantizeLinear:
    'of numbers that the file stores, which are frozen; behind what rounds floats the gradient goes through',
  Det: 'up to 4 rows',
  DFT: 'as a product with a matrix, which maxGraphMemory bounds',
  MaxPool: 'storage_order 0',
  'com.microsoft.Attention': 'no rotary positions inside, no past in a larger buffer',
  'com.microsoft.DequantizeLinear': 'of numbers that the file stores, which are frozen',
  'com.microsoft.GatherBlockQuantized': '4 and 8 bits, rows of a table in blocks along its last axis, which are frozen',
  'com.microsoft.GroupQueryAttention': 'whole sequences, without a past',
  'com.microsoft.MatMulNBits': '4 and 8 bits; the weights are frozen, and dx is dy times their floats',
  'com.microsoft.MatMulBnb4': 'the weights are frozen, and dx is dy times their floats',
  'com.microsoft.MultiHeadAttention': 'no past in a larger buffer',
  MatMulInteger:
    'of what DynamicQuantizeLinear gives and weights that the file stores, up to the product with both scales',
  NonZero: 'the input is known',
  QuantizeLinear: '8 and 16 bits; the gradient goes straight through',
  Resize: 'not tf_crop_and_resize',
  RoiAlign:
    'the mean of a fixed number of places (mode avg, sampling_ratio above 0); regions have no gradient, as in PyTorch',
  NonMaxSuppression: 'how many boxes it keeps depends on the data',
  Unique: 'how many elements it gives depends on the data',
  SequenceMap: 'a graph for each element, which no exporter writes',
  TensorScatter: 'fills a cache, which training has none of',
  MaxRoiPool: 'no exporter of PyTorch writes it; RoiAlign does what it did',
  'com.microsoft.DynamicQuantizeLSTM':
    'the input is rounded, the states are not; one scale, or one direction with a scale for each column',
  ...Object.fromEntries(
    ['QOrderedAttention', 'QOrderedGelu', 'QOrderedLayerNormalization', 'QOrderedLongformerAttention', 'QOrderedMatMul']
      .concat('DequantizeWithOrder', 'QuantizeWithOrder')
      .map((op) => [`com.microsoft.${op}`, 'the runtime computes it on CUDA alone']),
  ),
  ...Object.fromEntries(
    ['QLinearReduceMean', 'DequantizeBFP', 'QuantizeBFP', 'MatMulNBitsMlp', 'MatMulNBitsQkv']
      .concat('MatMulBlockQuantizedFp4Weight', 'MatMulBlockQuantizedFp8Weight')
      .map((op) => [`com.microsoft.${op}`, 'the runtime has no kernel of it on the CPU']),
  ),
  'com.microsoft.MatMulFpQ4': 'weights packed for the kernels of one version of the runtime',
  'com.microsoft.MatMulInteger16': 'whole numbers of no scale',
  'com.microsoft.QMoE': 'experts of rounded numbers; which of them compute is decided by the data',
  STFT: 'as a product with a matrix, which maxGraphMemory bounds',
};

function table(names, domain) {
  const rows = names.map((key) => {
    const name = domain ? key.slice(domain.length + 1) : key;
    return `| ${name} | ${standingOf(key)} | ${limits[key] ?? ''} |`;
  });
  return ['| operator | standing | only where, or why not |', '| --- | --- | --- |', ...rows]
    .join('\n')
    .replaceAll('|  |', '| |');
}

export const tables = () => ({
  'operators of ONNX': table(operators.onnx, ''),
  'operators of com.microsoft': table(operators.microsoft, microsoft),
});

/** The page with these tables between its markers. */
export function withTables(page) {
  let text = page;
  for (const [name, content] of Object.entries(tables())) {
    const marked = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
    if (!marked.test(text)) throw new Error(`docs/operators.md has no <!-- ${name} --> … <!-- /${name} -->`);
    text = text.replace(marked, (_, start, end) => `${start}${content}\n${end}`);
  }
  return text;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const file = new URL('../docs/operators.md', import.meta.url);
  if (process.argv.includes('--write')) writeFileSync(file, withTables(readFileSync(file, 'utf8')));
  else console.log(Object.values(tables()).join('\n\n'));
}
