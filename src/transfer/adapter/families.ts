// What the transformers library and PEFT know of a family by its `model_type`: where a task's class keeps the trunk,
// which layers an adapter stands at where nobody says, and whether layers store their weights as [in, out]. A family
// that is not listed gets an adapter at every linear layer. Source: PEFT, utils/constants.py.

interface Family {
  /** Attribute of the task's class that holds the trunk. */
  trunk?: string;
  /** Last parts of the names of the layers. */
  targets?: readonly string[];
  /** Conv1D in place of Linear. */
  fanInFanOut?: boolean;
}

const queryValue = ['query', 'value'];
const projections = ['q_proj', 'v_proj'];
const decoder: Family = { trunk: 'model', targets: projections };

const families: Readonly<Record<string, Family>> = {
  albert: { trunk: 'albert' },
  bart: decoder,
  bert: { trunk: 'bert', targets: queryValue },
  bloom: { trunk: 'transformer', targets: ['query_key_value'] },
  camembert: { trunk: 'roberta', targets: queryValue },
  deberta: { trunk: 'deberta', targets: ['in_proj'] },
  'deberta-v2': { trunk: 'deberta', targets: ['query_proj', 'value_proj'] },
  distilbert: { trunk: 'distilbert' },
  electra: { trunk: 'electra', targets: queryValue },
  falcon: { trunk: 'transformer', targets: ['query_key_value'] },
  gemma: decoder,
  gemma2: decoder,
  gpt2: { trunk: 'transformer', targets: ['c_attn'], fanInFanOut: true },
  gpt_neox: { trunk: 'gpt_neox', targets: ['query_key_value'] },
  gptj: { trunk: 'transformer', targets: projections },
  layoutlm: { trunk: 'layoutlm', targets: queryValue },
  llama: decoder,
  mistral: decoder,
  mpnet: { trunk: 'mpnet' },
  opt: decoder,
  phi: { trunk: 'model', targets: [...projections, 'fc1', 'fc2'] },
  qwen2: decoder,
  qwen3: decoder,
  roberta: { trunk: 'roberta', targets: queryValue },
  t5: { targets: ['q', 'v'] },
  vit: { trunk: 'vit' },
  'xlm-roberta': { trunk: 'roberta', targets: queryValue },
};

/** Nothing of a family that is not known. */
export const familyOf = (modelType: string | undefined): Family => families[modelType ?? ''] ?? {};
