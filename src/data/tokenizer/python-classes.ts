// Which tokenizer class Python's transformers opens a model directory with, and what is known of each. Of most classes
// transformers 5 does not take tokenizer.json as it is: it takes the vocabulary and builds the rest anew
// (pipelines.ts). Source: transformers 5.18.0, models/auto/tokenization_auto.py (AutoTokenizer.from_pretrained,
// TOKENIZER_MAPPING_NAMES, MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS).

/** Model types (config.json) by the class that transformers registers for them. */
const registered: Readonly<Record<string, string>> = {
  CLIPTokenizer: 'aimv2 clip clipseg groupvit omdet-turbo oneformer owlv2 owlvit sam3 sam3_video xclip',
  AlbertTokenizer: 'albert yoso',
  BertTokenizer:
    'align bark bert blip bros chinese_clip convbert distilbert electra ernie flava git grounding-dino layoutlm ' +
    'megatron-bert mm-grounding-dino nezha nomic_bert qdqbert realm retribert squeezebert tvp vilt visual_bert',
  Qwen2Tokenizer:
    'audioflamingo3 colqwen2 cosmos3_omni fun_asr_nano hunyuan_vl internvl lighton_ocr ovis2 qianfan_ocr qwen2 ' +
    'qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe ' +
    'qwen3_vl qwen3_vl_moe vibevoice',
  CohereTokenizer: 'aya_vision cohere cohere2',
  RobertaTokenizer: 'bart bridgetower clap data2vec-text ibert lilt longformer mega mra roberta roberta-prelayernorm',
  BarthezTokenizer: 'barthez',
  BartphoTokenizer: 'bartpho',
  BertGenerationTokenizer: 'bert-generation',
  BertJapaneseTokenizer: 'bert-japanese',
  BertweetTokenizer: 'bertweet',
  BigBirdTokenizer: 'big_bird',
  BioGptTokenizer: 'biogpt',
  BlenderbotTokenizer: 'blenderbot',
  BlenderbotSmallTokenizer: 'blenderbot-small',
  GPT2Tokenizer:
    'blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip instructblipvideo jais2 opt phi ' +
    'starcoder2',
  ByT5Tokenizer: 'byt5',
  CamembertTokenizer: 'camembert',
  CanineTokenizer: 'canine',
  ClvpTokenizer: 'clvp',
  CodeLlamaTokenizer: 'code_llama',
  CpmTokenizer: 'cpm',
  CpmAntTokenizer: 'cpmant',
  CTRLTokenizer: 'ctrl',
  Wav2Vec2CTCTokenizer: 'data2vec-audio hubert unispeech unispeech-sat wav2vec2 wav2vec2-bert wav2vec2-conformer',
  DebertaTokenizer: 'deberta',
  DebertaV2Tokenizer: 'deberta-v2',
  DiaTokenizer: 'dia',
  GemmaTokenizer:
    'diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma shieldgemma2 t5gemma zaya',
  DPRQuestionEncoderTokenizer: 'dpr',
  EsmTokenizer: 'esm',
  EsmcTokenizer: 'esmc esmfold2',
  GPTNeoXTokenizer: 'falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm',
  FlaubertTokenizer: 'flaubert',
  BartTokenizer: 'florence2',
  FNetTokenizer: 'fnet',
  FSMTTokenizer: 'fsmt',
  FunnelTokenizer: 'funnel',
  GPTSw3Tokenizer: 'gpt-sw3',
  GPTNeoXJapaneseTokenizer: 'gpt_neox_japanese',
  ParakeetTokenizer:
    'granite_speech5_ctc nemotron3_5_asr nemotron_asr_streaming parakeet_ctc parakeet_rnnt parakeet_tdt',
  XLMRobertaTokenizer: 'gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod',
  HerbertTokenizer: 'herbert',
  LlamaTokenizer: 'idefics idefics2',
  LasrTokenizer: 'lasr_ctc lasr_encoder',
  LayoutLMv2Tokenizer: 'layoutlmv2',
  LayoutLMv3Tokenizer: 'layoutlmv3',
  LayoutXLMTokenizer: 'layoutxlm',
  LEDTokenizer: 'led',
  LukeTokenizer: 'luke',
  LxmertTokenizer: 'lxmert',
  M2M100Tokenizer: 'm2m_100',
  MarianTokenizer: 'marian',
  MarkupLMTokenizer: 'markuplm',
  MBartTokenizer: 'mbart',
  MBart50Tokenizer: 'mbart50',
  MgpstrTokenizer: 'mgp-str',
  MLukeTokenizer: 'mluke',
  MobileBertTokenizer: 'mobilebert',
  MPNetTokenizer: 'mpnet',
  T5Tokenizer: 'mt5 musicgen musicgen_melody switch_transformers t5',
  MvpTokenizer: 'mvp',
  MyT5Tokenizer: 'myt5',
  NllbTokenizer: 'nllb nllb-moe',
  NougatTokenizer: 'nougat pp_formulanet',
  OpenAIGPTTokenizer: 'openai-gpt',
  PegasusTokenizer: 'pegasus',
  PerceiverTokenizer: 'perceiver',
  PhobertTokenizer: 'phobert',
  PLBartTokenizer: 'plbart',
  ProphetNetTokenizer: 'prophetnet',
  Qwen3_5Tokenizer: 'qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp',
  RagTokenizer: 'rag',
  ReformerTokenizer: 'reformer',
  RemBertTokenizer: 'rembert',
  RoCBertTokenizer: 'roc_bert',
  RoFormerTokenizer: 'roformer',
  SeamlessM4TTokenizer: 'seamless_m4t seamless_m4t_v2',
  SiglipTokenizer: 'siglip',
  Siglip2Tokenizer: 'siglip2',
  Speech2TextTokenizer: 'speech_to_text',
  SpeechT5Tokenizer: 'speecht5',
  SplinterTokenizer: 'splinter',
  TapasTokenizer: 'tapas',
  Tipsv2Tokenizer: 'tipsv2',
  UdopTokenizer: 'udop',
  VideoPrismTokenizer: 'videoprism',
  VitsTokenizer: 'vits',
  Wav2Vec2PhonemeCTCTokenizer: 'wav2vec2_phoneme',
  WhisperTokenizer: 'whisper',
  XGLMTokenizer: 'xglm',
  XLMTokenizer: 'xlm',
  XLNetTokenizer: 'xlnet',
  // tokenizer.json as it is.
  TokenizersBackend:
    'EvollaModel aria bigbird_pegasus canary flex_olmo glm glm4 glm4_moe glm4_moe_lite glm4v glm4v_moe glm_image ' +
    'glmasr got_ocr2 gpt_bigcode granite granitemoe granitemoehybrid granitemoeshared kimi_k25 kimi_linear kosmos-2 ' +
    'mimo_v2_flash minicpmv4_6 minicpmv4_7 ministral ministral3 mistral mistral3 mixtral nystromformer olmo2 olmo3 ' +
    'olmo_hybrid pegasus_x persimmon pix2struct pixtral stablelm umt5 voxtral voxtral_realtime xlm-roberta-xl ' +
    'deepseek_v32 llava_next deepseek_vl_v2 nvfp4 phi3_v vipllava minicpmv fuyu molmo camembertv2-base deepseek_v2 ' +
    'step3_vl minimax_m2 deepseek_ocr modernbert-decoder molmo2 phi3 internlm2 arctic jamba modernbert hyperclovax ' +
    'openvla step3p5 deepseek_vl_hybrid janus nemotron paddleocr_vl cohere_asr llava deepseek_v4 deepseek_ocr2 ' +
    'deepseek_vl chatlm ernie4_5 phimoe opencua deepseek_v3 chameleon ernie4_5_moe minicpm3 hyperclovax_vlm ' +
    'h2ovl_chat smolvlm',
};

/** Names that stand for another class. */
const aliases: Readonly<Record<string, string>> = {
  BartTokenizer: 'RobertaTokenizer',
  DistilBertTokenizer: 'BertTokenizer',
  ElectraTokenizer: 'BertTokenizer',
  LEDTokenizer: 'RobertaTokenizer',
  LongformerTokenizer: 'RobertaTokenizer',
  LxmertTokenizer: 'BertTokenizer',
  MobileBertTokenizer: 'BertTokenizer',
  MvpTokenizer: 'RobertaTokenizer',
  SqueezeBertTokenizer: 'BertTokenizer',
};

/** Classes that build their pipeline anew and are not in pipelines.ts. */
const otherPipelines = new Set(
  (
    'BarthezTokenizer BigBirdTokenizer BlenderbotTokenizer CodeGenTokenizer CodeLlamaTokenizer CohereTokenizer ' +
    'DPRQuestionEncoderTokenizer EsmcTokenizer FunnelTokenizer GemmaTokenizer HerbertTokenizer LasrTokenizer ' +
    'LayoutLMv2Tokenizer LayoutLMv3Tokenizer LayoutXLMTokenizer LukeTokenizer ' +
    'MLukeTokenizer MarkupLMTokenizer NougatTokenizer OpenAIGPTTokenizer PegasusTokenizer ' +
    'Qwen3_5Tokenizer ReformerTokenizer RemBertTokenizer RoFormerTokenizer SeamlessM4TTokenizer Siglip2Tokenizer ' +
    'SplinterTokenizer Tipsv2Tokenizer UdopTokenizer VideoPrismTokenizer WhisperTokenizer XGLMTokenizer ' +
    'XLNetTokenizer'
  ).split(' '),
);

/** Classes written in Python, which do not read tokenizer.json. */
const pythonOnly = new Set(
  (
    'BartphoTokenizer BertGenerationTokenizer BertJapaneseTokenizer BertweetTokenizer BioGptTokenizer ' +
    'BlenderbotSmallTokenizer ByT5Tokenizer CTRLTokenizer CanineTokenizer ClvpTokenizer CpmAntTokenizer ' +
    'CpmTokenizer DiaTokenizer EsmTokenizer FSMTTokenizer FlaubertTokenizer GPTNeoXJapaneseTokenizer ' +
    'GPTSw3Tokenizer M2M100Tokenizer MarianTokenizer MgpstrTokenizer MyT5Tokenizer PLBartTokenizer ' +
    'PerceiverTokenizer PhobertTokenizer ProphetNetTokenizer RagTokenizer RoCBertTokenizer SiglipTokenizer ' +
    'Speech2TextTokenizer SpeechT5Tokenizer TapasTokenizer VitsTokenizer Wav2Vec2CTCTokenizer ' +
    'Wav2Vec2PhonemeCTCTokenizer XLMTokenizer'
  ).split(' '),
);

/** Model types whose registered class counts whatever tokenizer_config.json names. */
const registeredWins = new Set('qwen2 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp hyperclovax_vision_v2'.split(' '));

const generic = new Set(['TokenizersBackend', 'PythonBackend', 'PreTrainedTokenizer', 'PreTrainedTokenizerFast']);

const byModelType = new Map(
  Object.entries(registered).flatMap(([name, types]) => types.split(' ').map((type) => [type, name] as const)),
);

/** The class's own name: 'BertTokenizer' of 'ElectraTokenizerFast'. */
function resolved(name: string): string {
  const plain = name.replace(/Fast$/, '');
  return aliases[plain] ?? plain;
}

export interface PythonClass {
  /** Undefined: tokenizer.json as it is. */
  name: string | undefined;
  /** Why the ids may differ from Python's, where its class is not followed. */
  unlike?: 'builds its own pipeline' | 'does not read tokenizer.json';
}

/**
 * @param named `tokenizer_class` of tokenizer_config.json, or else of config.json
 * @param modelType `model_type` of config.json
 */
export function pythonClass(named: string | undefined, modelType: string | undefined): PythonClass {
  const own = modelType === undefined ? undefined : byModelType.get(modelType);
  const plain = named?.replace(/Fast$/, '');
  let name = plain ?? own;
  if (plain !== undefined && own !== undefined && plain !== own) {
    if (generic.has(own)) return { name: undefined };
    if (registeredWins.has(modelType!)) name = own;
  }
  if (name === undefined || generic.has(name)) return { name: undefined };
  const found = resolved(name);
  if (pythonOnly.has(found)) return { name: found, unlike: 'does not read tokenizer.json' };
  if (otherPipelines.has(found)) return { name: found, unlike: 'builds its own pipeline' };
  return { name: found };
}
