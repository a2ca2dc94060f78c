// What the specification says of a node: how many inputs and outputs it has, which of them it needs, and its attributes
// with their kinds. One parsed table (schema-table.ts, generated) for the default domain by opset, and a few lines for
// the operators of com.microsoft that ortune knows. What values attributes may have is said in attribute-ranges.ts.

import { schemaTable } from './schema-table.js';

export interface Formals {
  /** Whether each is needed. */
  readonly needed: readonly boolean[];
  /** Any number of further ones may follow. */
  readonly open: boolean;
}

export interface Schema {
  readonly since: number;
  readonly inputs: Formals;
  readonly outputs: Formals;
  /** Kind letter of each attribute, as schema-table.ts has them. */
  readonly attributes: ReadonlyMap<string, { kind: string; needed: boolean }>;
}

/**
 * Whether an operator has an attribute at any opset: exporters write some of newer or older ones, which mean no harm.
 */
export const hasAttribute = (domain: string, op: string, name: string): boolean =>
  versionsOf(domain, op)?.some(({ attributes }) => attributes.has(name)) ?? true;

/** Source: the runtime's docs/ContribOperators.md. */
const microsoftTable = `
Attention 1 aa????? a? do_rotary:i mask_filter_value:f num_heads:i! past_present_share_buffer:i qkv_hidden_sizes:I rotary_embedding_dim:i scale:f unidirectional:i
BiasAdd 1 aaa a
BiasGelu 1 aa a
BiasSplitGelu 1 aa a
CDist 1 aa a metric:s
EmbedLayerNormalization 1 a?aa?aa?? a?? epsilon:f mask_index_type:i
ExpandDims 1 aa a
FastGelu 1 a? a
FusedConv 1 aa?? a activation:s activation_params:F auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I
FusedGemm 1 aa? a activation:s activation_alpha:f activation_beta:f activation_gamma:f alpha:f beta:f transA:i transB:i
FusedMatMul 1 aa a alpha:f transA:i transB:i transBatchA:i transBatchB:i
GatedRelativePositionBias 1 aaaaaa? a num_heads:i!
GatherND 1 aa a
Gelu 1 a a
GridSample 1 aa a align_corners:i mode:s padding_mode:s
GroupNorm 1 aaa a activation:i! channels_last:i epsilon:f groups:i!
GroupQueryAttention 1 a????aa????????? a??? causal:i do_rotary:i k_quant_type:s kv_cache_bit_width:i kv_num_heads:i! local_window_size:i num_heads:i! qk_norm_epsilon:f qk_output:i rotary_interleaved:i scale:f sliding_window_cache:i smooth_softmax:i softcap:f v_quant_type:s
MultiHeadAttention 1 a????????? a??? mask_filter_value:f num_heads:i! scale:f unidirectional:i
NhwcConv 1 aa? a auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I
NhwcFusedConv 1 aa?? a activation:s activation_params:F auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I
Pad 1 aa? a mode:s
QuickGelu 1 a a alpha:f
RelativePositionBias 1 aaa a is_bidirectional:i max_distance:i!
RotaryEmbedding 1 aaaa a interleaved:i is_packed_batching:i num_heads:i rotary_embedding_dim:i scale:f
SkipGroupNorm 1 aaaa? a? activation:i! channels_last:i epsilon:f groups:i!
SkipLayerNormalization 1 aaa?? a??? epsilon:f
SkipSimplifiedLayerNormalization 1 aaa? a??? epsilon:f
TransposeMatMul 1 aa a alpha:f transA:i transB:i
Trilu 1 a? a upper:i
`;

function formals(text: string): Formals {
  const open = text.endsWith('*');
  return { needed: [...text.replace(/[*-]$/, '')].map((letter) => letter === 'a'), open };
}

function parse(table: string): Map<string, Schema[]> {
  const schemas = new Map<string, Schema[]>();
  for (const line of table.trim().split('\n')) {
    const [op, since, inputs, outputs, ...attributes] = line.split(' ') as [string, string, string, string];
    const schema: Schema = {
      since: Number(since),
      inputs: formals(inputs),
      outputs: formals(outputs),
      attributes: new Map(
        (attributes as string[]).map((attribute) => {
          const [name, kind] = attribute.split(':') as [string, string];
          return [name, { kind: kind[0]!, needed: kind.endsWith('!') }];
        }),
      ),
    };
    const known = schemas.get(op);
    if (known) known.push(schema);
    else schemas.set(op, [schema]);
  }
  return schemas;
}

const tables = new Map<string, Map<string, Schema[]>>();

/** The schema of an operator at an opset; the oldest for a file older than it. Undefined: the operator is not known. */
export function schemaOf(domain: string, op: string, opset: number): Schema | undefined {
  const versions = versionsOf(domain, op);
  return versions?.findLast(({ since }) => domain !== '' || since <= opset) ?? versions?.[0];
}

function versionsOf(domain: string, op: string): readonly Schema[] | undefined {
  const text = { '': schemaTable, 'com.microsoft': microsoftTable }[domain];
  if (text === undefined) return undefined;
  if (!tables.has(domain)) tables.set(domain, parse(text));
  return tables.get(domain)!.get(op);
}
