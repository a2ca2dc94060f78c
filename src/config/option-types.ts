// Made of the schemas by scripts/option-table.mjs --write; not to be edited. What a program may write as options, with
// what each means: the text that an editor shows.

export interface TrainFields {
  /** Model directory in transformers.js layout, a bare .onnx file, or a hub name (owner/name, owner/name@revision). */
  model: string | URL;
  /**
   * What the model is for: labels of texts, a label for each word of a text, answers to questions that are parts of a
   * text, finding masked tokens, which needs no labels, classes and masked tokens together, from few labels and many
   * other texts, writing texts, token after token, vectors of texts that are near where their meanings are, scores of
   * texts for a query, texts to texts: translation, summaries, labels of pictures, or numbers of any model, against
   * targets by losses that you name. Default that of the data: pictures where they are a folder, tensors or have an
   * imageColumn, else text-classification.
   */
  task?: 'text-classification' | 'token-classification' | 'question-answering' | 'masked-lm' | 'task-driven-lm' | 'causal-lm' | 'sentence-similarity' | 'reranking' | 'seq2seq' | 'image-classification' | 'tensors' | undefined;
  /**
   * Where to compute: cpu, webgpu, cuda, cuda:N, or auto for the fastest that works here. Takes auto, cpu, webgpu, cuda
   * or cuda:N. Default `"cpu"`.
   */
  device?: string | undefined;
  /**
   * Threads that compute; default one for each core that the process may use (affinity, quota). Takes a whole number
   * from 1 to 1024.
   */
  threads?: number | undefined;
  /**
   * Threads that read, tokenise and decode; default one, of pictures one for every two cores up to 8. Results do not
   * depend on it. Takes a whole number from 1 to 64.
   */
  workers?: number | undefined;
  /**
   * Most bytes that the model file's own graph may ask for, with the smallest inputs it takes, before anything is
   * computed: a file that asks for more is refused by name. What your batches take is not counted. Takes a number of
   * bytes, or a size such as 4GB or 512 MiB.
   */
  maxGraphMemory?: number | string | undefined;
  /**
   * Most bytes of a model of the hub in all, unpacked, and of a file of a URL: a larger one is not fetched. Default
   * ORTUNE_DOWNLOAD_MAX_BYTES, else 32 GiB; of an .onnx file 2 GiB at most. Takes a number of bytes, or a size such as
   * 4GB or 512 MiB.
   */
  maxDownloadBytes?: number | string | undefined;
  /**
   * Inputs of the model that have one value for all samples: a number, true or false, such as the rate of sounds or
   * what decides an If. Default `[]`.
   */
  bind?: string | readonly string[] | undefined;
  /** Batches that are prepared ahead of the step that needs them. Takes a whole number from 1 to 64. Default `4`. */
  batchesAhead?: number | undefined;
  /**
   * Of the products in training, on a device that has it: float16 (webgpu, cuda) or bfloat16 (cuda, cpu); weights,
   * losses and norms stay float32. Default `"float32"`.
   */
  precision?: 'float32' | 'float16' | 'bfloat16' | undefined;
  /**
   * Steps after which a device is asked for their losses, which it would have to be waited for; the CPU tells each at
   * once. Takes a whole number from 1 to 100. Default `10`.
   */
  loggingSteps?: number | undefined;
  /**
   * Activations of layers that are computed again for their gradients instead of kept: less memory, about a quarter
   * more time. Default `"none"`.
   */
  recompute?: 'none' | 'layers' | undefined;
  /** Directory for the run; the trained model goes to its sub-directory model/. */
  output: string | URL;
  /**
   * Training data: JSONL, CSV, TSV or Parquet, also gzipped; of pictures also a folder with one sub-folder for each
   * class, or .safetensors; several files and globs.
   */
  train: string | URL | readonly (string | URL)[];
  /** Data to evaluate on during the run. */
  eval?: string | URL | readonly (string | URL)[] | undefined;
  /**
   * Share of the training data that is held out to evaluate on, the same of every class; instead of eval. Takes a
   * number above 0 and below 1.
   */
  evalSplit?: number | undefined;
  /** Data to evaluate on once, after training. */
  test?: string | URL | readonly (string | URL)[] | undefined;
  /**
   * A function of your own that changes training samples at random, in the threads that prepare batches
   * (docs/callbacks.md): FILE.mjs, FILE.mjs#EXPORT or {module, export}. Takes a path, a path with the name of an export
   * behind #, or {module, export}.
   */
  augmentModule?: string | {
    /** Path or file: URL of the module. */
    module: string | URL;
    /** Name of the function among its exports. Default `"default"`. */
    export?: string | undefined;
  } | undefined;
  /**
   * Column, or tensor, that holds a weight of each training sample, for its loss or, with sampling weighted, its odds.
   */
  weightColumn?: string | undefined;
  /**
   * Between the fields of CSV and TSV; default that of the header: a comma in .csv and a tab in .tsv, unless it shows
   * semicolons, tabs, pipes or commas instead. Takes one character, or tab, comma, semicolon, pipe or space.
   */
  delimiter?: string | undefined;
  /**
   * Around fields of CSV and TSV that hold delimiters or line breaks; none: quotes are letters. Default " in CSV; in
   * TSV the reading that fits the file. Takes one character, or none.
   */
  quote?: string | undefined;
  /** Encoding of text files; default UTF-8, or UTF-16 where the file begins with its mark or shows it. */
  encoding?: string | undefined;
  /**
   * Names of the columns of CSV and TSV files that have no header line, in their order; none: the columns are called 1,
   * 2 and so on. Takes names of columns, or none.
   */
  header?: string | readonly string[] | undefined;
  /**
   * What ends a line of a text file: lf (LF, or CR and LF), cr (CR alone) or any of these; default cr where the file
   * begins without any LF, else lf.
   */
  lineEnding?: 'lf' | 'cr' | 'any' | undefined;
  /**
   * Most memory that samples read from tables may take, as bytes or as text such as 4GB; larger data are refused.
   * Default half of what the process may use. Takes a number of bytes, or a size such as 4GB or 512 MiB.
   */
  maxDataMemory?: number | string | undefined;
  /** Read the training data in pieces while training, for files larger than memory. Default `false`. */
  streaming?: boolean | undefined;
  /**
   * With streaming: samples that are in memory and shuffled at a time. Takes a whole number of at least 1. Default
   * `16384`.
   */
  shuffleBuffer?: number | undefined;
  /**
   * Order of the samples of an epoch: every one once, shuffled or as in the file; or drawn with replacement, all
   * classes equally often or by weightColumn. Default `"shuffle"`.
   */
  sampling?: 'shuffle' | 'sequential' | 'balanced' | 'weighted' | undefined;
  /** Texts of similar length share a batch, which saves padding. Default `true`. */
  groupByLength?: boolean | undefined;
  /** Number of classes the training data must have; without it the data decides. Takes a whole number of at least 2. */
  numLabels?: number | undefined;
  /** Weights of the classes in the loss, by name; or balanced, in inverse proportion to their samples. */
  classWeights?: 'balanced' | Readonly<Record<string, number>> | undefined;
  /** Column (CSV) or key (JSONL) that holds the text. Default `"text"`. */
  textColumn?: string | undefined;
  /** Column that holds a second text, for pairs such as question and answer. */
  pairColumn?: string | undefined;
  /** Column that holds the label. Default `"label"`. */
  labelColumn?: string | undefined;
  /**
   * Names of the classes in the order of their numbers, where labels are numbers; default those that the data or the
   * model give (docs/labels.md). Takes a list of names.
   */
  labelNames?: string | readonly string[] | undefined;
  /** Several labels may hold at once: a list of them, or 0 and 1 for each. Default `false`. */
  multiLabel?: boolean | undefined;
  /**
   * Several labels: the probability from which on each is predicted, one for all or by name; default the one that gives
   * the largest F1 on the evaluation data, which the saved model keeps, else 0.5. Takes a probability, or a map of them
   * by label.
   */
  thresholds?: number | Readonly<Record<string, number>> | undefined;
  /**
   * text-classification: columns in place of labelColumn, one for each label, that hold 0 or 1 (multiLabel), a
   * probability, or a score (regression). Takes a list of names.
   */
  labelColumns?: string | readonly string[] | undefined;
  /**
   * text-classification: labelColumn holds a list with a number for each label: 0 or 1 (multiLabel), else probabilities
   * that add up to 1. Default `false`.
   */
  labelRows?: boolean | undefined;
  /** text-classification, multiLabel: what stands between the labels of a text in one field, as in a|b. */
  labelSeparator?: string | undefined;
  /** text-classification: labels are scores, a number or a list of numbers each, and not classes. Default `false`. */
  regression?: boolean | undefined;
  /**
   * Of labels of texts, words and pictures: the loss in place of the usual one: a graph of your own, FILE.onnx, that
   * takes logits and labels (docs/callbacks.md), or of scores (regression) mse, which is the default, mae or huber.
   * Takes mse, mae, huber, binary-cross-entropy, cross-entropy, a path that ends in .onnx, or {file}.
   */
  loss?: 'mse' | 'mae' | 'huber' | 'binary-cross-entropy' | 'cross-entropy' | {
    /** Path or file: URL of the graph. */
    file: string | URL;
  } | string | undefined;
  /**
   * Longest text in tokens; longer ones are cut and counted. The positions of the model bound it too. Takes a whole
   * number of at least 1. Default `512`.
   */
  maxLength?: number | undefined;
  /**
   * Lengths in tokens that batches are padded to, ascending up to maxLength; default 32, 64, 128 and so on. Takes a
   * list, each a whole number of at least 1.
   */
  buckets?: readonly number[] | undefined;
  /** token-classification: column that holds the words of a text, a list of them. Default `"tokens"`. */
  wordsColumn?: string | undefined;
  /** token-classification: column that holds a tag for each word, a list of names or numbers. Default `"tags"`. */
  tagsColumn?: string | undefined;
  /**
   * token-classification: pieces of a word behind its first are trained too, as the inside form of its tag (I-).
   * Default `true`.
   */
  labelAllPieces?: boolean | undefined;
  /**
   * token-classification: column that holds ranges of the text's characters with a label each, in place of words and
   * tags; default what exports of usual programs have.
   */
  spansColumn?: string | undefined;
  /**
   * Tokens that neighbouring windows of a long text have in common; at most half of a window. Takes a whole number of
   * at least 0. Default `128`.
   */
  stride?: number | undefined;
  /** question-answering: column that holds the question. Default `"question"`. */
  questionColumn?: string | undefined;
  /** question-answering: column that holds the text with its answers. Default `"context"`. */
  contextColumn?: string | undefined;
  /**
   * question-answering: column that holds the right answers, { text, answer_start } with a list each. Default
   * `"answers"`.
   */
  answersColumn?: string | undefined;
  /**
   * question-answering: most tokens of an answer that is predicted. Takes a whole number of at least 1. Default `30`.
   */
  maxAnswerLength?: number | undefined;
  /**
   * question-answering: no answer is predicted where the logarithm of its odds against the best answer is greater;
   * default the one that gives the largest F1 on the evaluation data, which the saved model keeps, where these have
   * questions without an answer, else never. Takes a number.
   */
  nullThreshold?: number | undefined;
  /**
   * masked-lm, task-driven-lm: share of the tokens of a text that are to be found. Takes a number above 0 and of at
   * most 0.5. Default `0.15`.
   */
  mlmProbability?: number | undefined;
  /** masked-lm, task-driven-lm: all tokens of a word are masked together. Default `false`. */
  wholeWordMask?: boolean | undefined;
  /** masked-lm: also learn whether the text of pairColumn follows, or is that of another sample. Default `false`. */
  nextSentence?: boolean | undefined;
  /** causal-lm: column that holds a prompt, which is read and not learnt; in place of textColumn. */
  promptColumn?: string | undefined;
  /** causal-lm: column that holds what follows the prompt. Default `"completion"`. */
  completionColumn?: string | undefined;
  /**
   * causal-lm: column that holds a chat, a list of { role, content } or { from, value }; in place of textColumn. What
   * the assistant says is learnt.
   */
  messagesColumn?: string | undefined;
  /** causal-lm: prompts, and all of a chat, are learnt too. Default `false`. */
  promptLoss?: boolean | undefined;
  /**
   * causal-lm: none has a sample in each row; samples has as many of the training data as fit, which do not see each
   * other; blocks has all texts one behind the other, cut every maxLength tokens. Default `"none"`.
   */
  packing?: 'none' | 'samples' | 'blocks' | undefined;
  /** causal-lm: which end of a text longer than maxLength is cut off. Default `"right"`. */
  truncationSide?: 'right' | 'left' | undefined;
  /**
   * causal-lm, seq2seq: the model writes by itself, and its texts are compared with the targets (textMetrics). Default
   * `false`.
   */
  predictWithGenerate?: boolean | undefined;
  /**
   * causal-lm, seq2seq, predictWithGenerate, generateSamples: most tokens that are written of a sample, greedily. Takes
   * a whole number of at least 1. Default `64`.
   */
  generationMaxLength?: number | undefined;
  /**
   * causal-lm, seq2seq, predictWithGenerate: what is measured of texts, of exactMatch, bleu, chrf, chrf++, rouge,
   * meteor, wer, cer, distinct (docs/text-metrics.md). Takes a list of names.
   */
  textMetrics?: string | readonly string[] | undefined;
  /**
   * causal-lm, seq2seq, predictWithGenerate: tokens of BLEU, METEOR and distinct-n; zh for Chinese. Default `"13a"`.
   */
  textTokenizer?: '13a' | 'zh' | 'char' | 'intl' | 'none' | undefined;
  /**
   * causal-lm, seq2seq, predictWithGenerate: words of ROUGE, a to z and digits, or letters of all scripts. Default
   * `"latin"`.
   */
  rougeWords?: 'latin' | 'unicode' | undefined;
  /**
   * Columns of texts that do not belong to that of textColumn, where that of pairColumn does. Takes a list of names.
   */
  negativeColumns?: string | readonly string[] | undefined;
  /** Column of numbers that say how alike the two texts are, or how relevant the second is. */
  scoreColumn?: string | undefined;
  /**
   * sentence-similarity: column of the class of each text, in place of pairColumn: texts of a class belong together,
   * and others do not.
   */
  classColumn?: string | undefined;
  /**
   * sentence-similarity: what is learnt from: multiple-negatives (pairs; all other texts of the batch are negatives),
   * cosine or cosent (scores), contrastive (scores of 0 and 1), triplet (one negative), supervised-contrastive
   * (classes). Default cosent with scoreColumn, supervised-contrastive with classColumn, else multiple-negatives.
   */
  similarityLoss?: 'multiple-negatives' | 'cosine' | 'cosent' | 'contrastive' | 'triplet' | 'supervised-contrastive' | undefined;
  /**
   * sentence-similarity: of multiple-negatives also the other way: the anchor is found for its positive. Default
   * `false`.
   */
  symmetric?: boolean | undefined;
  /**
   * sentence-similarity: what cosines are multiplied by before a softmax; one over the temperature. Takes a number
   * above 0. Default `20`.
   */
  similarityScale?: number | undefined;
  /** sentence-similarity: margin of triplet (default 5) and contrastive (default 0.5). Takes a number of at least 0. */
  margin?: number | undefined;
  /**
   * sentence-similarity: sizes of leading parts of the vectors that are to stand by themselves; the loss is their sum.
   */
  matryoshkaDims?: number | readonly number[] | undefined;
  /**
   * sentence-similarity: how one vector comes of those of the tokens; default what the model directory says, else mean.
   */
  pooling?: 'mean' | 'cls' | 'max' | 'lasttoken' | 'weightedmean' | 'mean_sqrt_len_tokens' | undefined;
  /** sentence-similarity: vectors are brought to length 1; default what the model directory says, else not. */
  normalize?: boolean | undefined;
  /**
   * sentence-similarity: text that goes before those of textColumn; default the prompt query of the model directory.
   */
  queryPrompt?: string | undefined;
  /** sentence-similarity: text that goes before all other texts; default the prompt document of the model directory. */
  documentPrompt?: string | undefined;
  /**
   * reranking: binary cross-entropy (scores from 0 to 1), or the squared error of scores of any size. Default `"bce"`.
   */
  rerankingLoss?: 'bce' | 'mse' | undefined;
  /** seq2seq: column that holds what is read, such as document; default source. */
  sourceColumn?: string | undefined;
  /** seq2seq: column that holds what is to be written, such as summary; default target. */
  targetColumn?: string | undefined;
  /**
   * seq2seq: language of the sources: their key in the column translation, as in {"translation": {"en": …, "de": …}},
   * and of models of many languages (mBART, M2M-100, NLLB) their code there, such as en_XX.
   */
  sourceLang?: string | undefined;
  /** seq2seq: language of the targets. */
  targetLang?: string | undefined;
  /** seq2seq: goes before every source, as in 'translate English to German: '; default that of the model. */
  sourcePrefix?: string | undefined;
  /**
   * seq2seq: longest target in tokens; longer ones are cut and counted. Default maxLength. Takes a whole number of at
   * least 1.
   */
  maxTargetLength?: number | undefined;
  /**
   * Column with the paths of the pictures, from the folder of the file on, or in Parquet with the pictures themselves;
   * default image.
   */
  imageColumn?: string | undefined;
  /**
   * Pictures of more pixels are not decoded, and count as ones that cannot be used. Takes a whole number of at least 1.
   * Default `100000000`.
   */
  maxPixels?: number | undefined;
  /**
   * Picture files of more bytes are not read, and count as ones that cannot be used. Takes a whole number of at least
   * 1. Default `1000000000`.
   */
  maxPictureBytes?: number | undefined;
  /**
   * So many pictures that cannot be decoded are left out before the run stops; default 10, or 1 % of the samples where
   * that is more. Takes a whole number of at least 0.
   */
  maxBadSamples?: number | undefined;
  /**
   * Mean that is taken off the channels of uint8 pixels; default the model's own, or ImageNet's. Takes a number, or one
   * for each channel.
   */
  imageMean?: number | readonly number[] | undefined;
  /**
   * Deviation that channels of uint8 pixels are divided by; default the model's own, or ImageNet's. Takes a number, or
   * one for each channel.
   */
  imageStd?: number | readonly number[] | undefined;
  /**
   * Height and width of the pictures, where the model takes any; default the model's own, or that of the data. Takes a
   * number of pixels, or height and width.
   */
  imageSize?: number | readonly number[] | undefined;
  /**
   * tensors: the losses, whose weighted sum is minimised: each between an output of the model and a target of the data,
   * by mse, mae, huber, binary-cross-entropy, kl-divergence, cosine, cross-entropy, or {file: loss.onnx}. Takes a list,
   * as in [{output: y, target: t, loss: mse, weight: 1}].
   */
  losses?: readonly ({
    output?: string | undefined;
    target?: string | undefined;
    loss: 'mse' | 'mae' | 'huber' | 'binary-cross-entropy' | 'kl-divergence' | 'cosine' | 'cross-entropy' | {
      file: string | URL;
    };
    weight?: number | undefined;
  })[] | undefined;
  /**
   * tensors: column or tensor of the data for an input of the model, where it is called otherwise. Takes a map of
   * names, as in {x: features}. Default `{}`.
   */
  inputColumns?: Readonly<Record<string, string>> | undefined;
  /**
   * text-classification: a larger model of the same labels and tokenizer, whose probabilities are learnt beside the
   * labels (distillation).
   */
  teacher?: string | URL | undefined;
  /** With teacher: what the logits of both are divided by; default 2. Takes a number above 0. */
  teacherTemperature?: number | undefined;
  /**
   * With teacher: its share of the loss, the rest is the labels'; default 0.5. Takes a number above 0 and of at most 1.
   */
  teacherWeight?: number | undefined;
  /**
   * task-driven-lm: texts without labels to learn masked tokens of, such as those that ortune retrieve chose for the
   * labelled ones.
   */
  corpus?: string | URL | readonly (string | URL)[] | undefined;
  /** task-driven-lm: column of the corpus that holds a text; default that of textColumn. */
  corpusColumn?: string | undefined;
  /**
   * task-driven-lm: so many steps of the corpus come before each one of labelled texts. Takes a whole number of at
   * least 1. Default `999`.
   */
  corpusRatio?: number | undefined;
  /**
   * task-driven-lm: what the loss of masked tokens weighs in labelled texts, where that of classes weighs 1. Takes a
   * number above 0. Default `20`.
   */
  maskedWeight?: number | undefined;
  /**
   * causal-lm, seq2seq: of so many samples of the evaluation data, the first ones, the model writes by itself at each
   * evaluation, which the log shows; 0: none. Takes a whole number of at least 0. Default `3`.
   */
  generateSamples?: number | undefined;
  /**
   * sentence-similarity: the loss compares all samples of a step, of gradientAccumulationSteps batches, which go
   * through the model one after the other, twice (gradient caching): as one batch of all would, in the memory of one.
   * Default `false`.
   */
  gradientCache?: boolean | undefined;
  /**
   * Random changes of the training pictures: a list of steps, each a name or {op: NAME, option: value}
   * (docs/images.md), or one of none, standard. Takes a list of steps.
   */
  augmentation?: string | {
    op: string;
    [option: string]: unknown;
  } | readonly (string | {
    op: string;
    [option: string]: unknown;
  })[] | undefined;
  /**
   * Passes over the training data; default 3, and of few samples with classes up to 20 where neither learningRate nor
   * maxSteps is given, which the run says. Takes a whole number of at least 1.
   */
  epochs?: number | undefined;
  /**
   * Stop after this many optimizer steps, however many epochs that is; 0 trains nothing, but evaluates and saves. Takes
   * a whole number of at least 0.
   */
  maxSteps?: number | undefined;
  /** Samples per batch. Takes a whole number from 1 to 65536. Default `16`. */
  batchSize?: number | undefined;
  /** Batches per optimizer step; their gradients are added up. Takes a whole number of at least 1. Default `1`. */
  gradientAccumulationSteps?: number | undefined;
  /**
   * Most memory that the run may use, on a device of that, as bytes or as text such as 4GB: a run that would need more
   * ends before its first step and says which batchSize fits. Takes a number of bytes, or a size such as 4GB or 512
   * MiB.
   */
  memoryLimit?: number | string | undefined;
  /**
   * Highest learning rate; default 5e-5, and of few samples with classes, where neither epochs nor maxSteps is given,
   * more for the head, which the run says. Takes a number above 0.
   */
  learningRate?: number | undefined;
  /** Course of the learning rate after warm-up. Default `"linear"`. */
  schedule?: 'linear' | 'cosine' | 'cosine_with_restarts' | 'polynomial' | 'constant' | 'warmup_stable_decay' | 'one_cycle' | 'step' | 'exponential' | undefined;
  /** Part of all steps in which the learning rate rises. Takes a number from 0 to 1. Default `0.1`. */
  warmupRatio?: number | undefined;
  /** Steps of warm-up; overrides warmupRatio. Takes a whole number of at least 0. */
  warmupSteps?: number | undefined;
  /**
   * Waves of the cosine schedules: default 0.5 for cosine (down once), 1 for cosine_with_restarts. Takes a number above
   * 0.
   */
  scheduleCycles?: number | undefined;
  /** Exponent of the polynomial schedule. Takes a number above 0. Default `1`. */
  schedulePower?: number | undefined;
  /**
   * Learning rate that the schedules polynomial and warmup_stable_decay end at. Takes a number of at least 0. Default
   * `1e-7`.
   */
  learningRateEnd?: number | undefined;
  /**
   * warmup_stable_decay: part of all steps, at the end, in which the learning rate falls. Takes a number from 0 to 1.
   * Default `0.2`.
   */
  scheduleDecayRatio?: number | undefined;
  /**
   * step and exponential: what the learning rate is multiplied by in scheduleStepSize steps. Takes a number above 0 and
   * of at most 1. Default `0.1`.
   */
  scheduleGamma?: number | undefined;
  /**
   * step and exponential: optimizer steps; default a third of those after warm-up. Takes a whole number of at least 1.
   */
  scheduleStepSize?: number | undefined;
  /** Update rule. Default `"adamw"`. */
  optimizer?: 'adamw' | 'adam' | 'sgd' | 'rmsprop' | 'adadelta' | 'lion' | undefined;
  /**
   * Weight decay: decoupled with adamw and lion, else added to the gradient; biases and normalisation parameters are
   * left out. Takes a number of at least 0. Default `0.01`.
   */
  weightDecay?: number | undefined;
  /** Adam, AdamW: decay of the first moment. Takes a number of at least 0 and below 1. Default `0.9`. */
  adamBeta1?: number | undefined;
  /** Adam, AdamW: decay of the second moment. Takes a number of at least 0 and below 1. Default `0.999`. */
  adamBeta2?: number | undefined;
  /** Adam, AdamW: added to the denominator. Takes a number above 0. Default `1e-8`. */
  adamEpsilon?: number | undefined;
  /** SGD: momentum. Takes a number of at least 0 and below 1. Default `0.9`. */
  momentum?: number | undefined;
  /** SGD: momentum in the form of Nesterov. Default `false`. */
  nesterov?: boolean | undefined;
  /** RMSprop: decay of the mean of squared gradients. Takes a number of at least 0 and below 1. Default `0.99`. */
  rmspropAlpha?: number | undefined;
  /** RMSprop: added to the denominator. Takes a number above 0. Default `1e-8`. */
  rmspropEpsilon?: number | undefined;
  /** RMSprop: momentum. Takes a number of at least 0 and below 1. Default `0`. */
  rmspropMomentum?: number | undefined;
  /**
   * Adadelta: decay of the means of squared gradients and changes. Takes a number of at least 0 and below 1. Default
   * `0.9`.
   */
  adadeltaRho?: number | undefined;
  /** Adadelta: added to both means. Takes a number above 0. Default `0.000001`. */
  adadeltaEpsilon?: number | undefined;
  /** Lion: share of the momentum in a change. Takes a number of at least 0 and below 1. Default `0.9`. */
  lionBeta1?: number | undefined;
  /** Lion: decay of the momentum. Takes a number of at least 0 and below 1. Default `0.99`. */
  lionBeta2?: number | undefined;
  /**
   * L1 penalty: l1·Σ|w| is part of what is minimised, though not of the loss that is shown; biases and normalisation
   * parameters are left out. Takes a number of at least 0. Default `0`.
   */
  l1?: number | undefined;
  /**
   * After each step the weights that come into a unit (of a dense layer or a convolution) are scaled down to this norm.
   * Takes a number above 0.
   */
  maxNorm?: number | undefined;
  /**
   * Parameters with a learning rate, weight decay, L1 penalty or largest norm of their own: a list of {parameters:
   * PATTERN, learningRate, weightDecay, l1, maxNorm}; the first that matches counts. Takes a list, each an object of
   * parameters, learningRate, weightDecay, l1, maxNorm. Default `[]`.
   */
  groups?: readonly ({
    parameters: string | readonly string[];
    learningRate?: number | undefined;
    weightDecay?: number | undefined;
    l1?: number | undefined;
    maxNorm?: number | undefined;
  })[] | undefined;
  /**
   * Gradients are scaled down to this norm over all parameters; 0 turns it off. Takes a number of at least 0. Default
   * `1`.
   */
  maxGradNorm?: number | undefined;
  /** Share of each target that is spread over all classes. Takes a number of at least 0 and below 1. Default `0`. */
  labelSmoothing?: number | undefined;
  /**
   * Dropout put back into the graph above the first trained parameter, as config.json of the model says; one number
   * sets all three.
   */
  dropout?: number | {
    /** Dropout after the embeddings and on the output of every sub-layer. Takes a number of at least 0 and below 1. */
    hidden?: number | undefined;
    /** Dropout on attention probabilities. Takes a number of at least 0 and below 1. */
    attention?: number | undefined;
    /** Dropout before the classifier. Takes a number of at least 0 and below 1. */
    head?: number | undefined;
  } | undefined;
  /**
   * Widths of hidden layers between the text's vector and the classifier; the head is then a new one. Takes a list,
   * each a whole number of at least 1.
   */
  headLayers?: readonly number[] | undefined;
  /**
   * Keep only the first so many layers of the trunk; the model that is written is the smaller one. Takes a whole number
   * of at least 1.
   */
  keepLayers?: number | undefined;
  /**
   * Make floats of weights that the file stores as rounded numbers: they train, and are saved as floats unless
   * requantise is set.
   */
  dequantise?: boolean | undefined;
  /**
   * With dequantise: round the trained floats again when the model is written, in the type, the blocks and the symmetry
   * that the file had.
   */
  requantise?: boolean | undefined;
  /**
   * Start from the weights of the model, or from weights drawn anew, as in training from scratch. Default
   * `"pretrained"`.
   */
  init?: 'pretrained' | 'random' | undefined;
  /**
   * Train an adapter and not the weights: lora, dora, or the directory of one in PEFT's form, which is trained further.
   */
  adapter?: string | undefined;
  /** Rank of the matrices of an adapter; default 8. Takes a whole number of at least 1. */
  loraRank?: number | undefined;
  /** What an adapter adds is multiplied by alpha / rank; default twice the rank. Takes a number above 0. */
  loraAlpha?: number | undefined;
  /** Multiply by alpha / √rank. */
  rslora?: boolean | undefined;
  /** Dropout on what the matrices of an adapter read; default none. Takes a number of at least 0 and below 1. */
  loraDropout?: number | undefined;
  /**
   * Layers that have an adapter: default, those that PEFT has for the family; all-linear, every linear layer but the
   * head; or names and globs, of tables and convolutions too.
   */
  loraTargets?: string | readonly string[] | undefined;
  /** With an adapter: parameters that are trained as they are. Default: a head that is no language model's. */
  modulesToSave?: string | readonly string[] | undefined;
  /** Write the adapter alone, in PEFT's form, to adapter/ in output; default a model with the adapter merged in. */
  saveAdapter?: boolean | undefined;
  /**
   * Statistics of BatchNormalization while training: of each batch in layers whose scale or bias trains, or those of
   * the file in all. Default `"batch"`.
   */
  batchNorm?: 'batch' | 'frozen' | undefined;
  /** Parameters that keep their values: globs over names, or trunk for all but the head. Default `[]`. */
  freeze?: string | readonly string[] | undefined;
  /**
   * Learning rates fall by this factor from the head down, layer by layer, to what is before the first; rates of groups
   * are their own. Takes a number above 0 and of at most 1. Default `1`.
   */
  layerDecay?: number | undefined;
  /**
   * At first only the head trains: with gradual one more layer, from the top, each unfreezeEpochs or unfreezeSteps,
   * with head-first then everything.
   */
  unfreeze?: 'gradual' | 'head-first' | undefined;
  /** With unfreeze: passes over the training data before more is unfrozen. Takes a number above 0. Default `1`. */
  unfreezeEpochs?: number | undefined;
  /**
   * With unfreeze: optimizer steps before more is unfrozen; overrides unfreezeEpochs. Takes a whole number of at least
   * 1.
   */
  unfreezeSteps?: number | undefined;
  /**
   * Tensors that are trained although they look like constants of the arithmetic: globs over names (see inspect).
   * Default `[]`.
   */
  trainable?: string | readonly string[] | undefined;
  /**
   * Decides order, dropout and drawn weights; equal seeds give equal weights. Takes a whole number from 0 to
   * 4294967295. Default `0`.
   */
  seed?: number | undefined;
  /** When to evaluate; default at the end of each epoch, or every evalSteps where that is given. */
  evalStrategy?: 'no' | 'steps' | 'epoch' | undefined;
  /** Optimizer steps between evaluations. Takes a whole number of at least 1. */
  evalSteps?: number | undefined;
  /** When to write a checkpoint; default at the end of each epoch, or every saveSteps where that is given. */
  saveStrategy?: 'no' | 'steps' | 'epoch' | undefined;
  /** Optimizer steps between checkpoints. Takes a whole number of at least 1. */
  saveSteps?: number | undefined;
  /** Checkpoints to keep: the latest ones, and the best besides. Takes a whole number of at least 1. Default `2`. */
  saveTotalLimit?: number | undefined;
  /**
   * Metric that decides which evaluation is the best, such as loss, accuracy, f1, mcc, macro.f1, top5Accuracy or
   * meanAveragePrecision. Default `"loss"`.
   */
  metricForBestModel?: string | undefined;
  /** Write the weights of the best evaluation at the end, not the last; default yes with early stopping. */
  loadBestModelAtEnd?: boolean | undefined;
  /** Stop after this many evaluations in a row without a better one. Takes a whole number of at least 1. */
  earlyStoppingPatience?: number | undefined;
  /** What an evaluation must be better by to count as better. Takes a number of at least 0. Default `0`. */
  earlyStoppingThreshold?: number | undefined;
  /**
   * After so many evaluations in a row without a better one the learning rate is multiplied by reduceOnPlateauFactor,
   * and again after as many more. Takes a whole number of at least 1.
   */
  reduceOnPlateauPatience?: number | undefined;
  /**
   * With reduceOnPlateauPatience: what the rate is multiplied by. Takes a number above 0 and below 1. Default `0.1`.
   */
  reduceOnPlateauFactor?: number | undefined;
  /**
   * Compute what is below the first trained parameter once for each sample, and keep it on disk for all epochs. Default
   * `true`.
   */
  trunkCache?: boolean | undefined;
  /** Where that is kept; runs with the same trunk and data share it. Default cache/ in output. */
  trunkCacheDirectory?: string | URL | undefined;
  /**
   * Most bytes that directory may hold: older activations are removed, larger ones are not kept. Takes a whole number
   * of at least 1. Default `4294967296`.
   */
  trunkCacheMaxBytes?: number | undefined;
  /**
   * What to do with a step whose loss or gradient is not finite: stop the run, or leave the step out. Default `"stop"`.
   */
  nonFinite?: 'stop' | 'skip' | undefined;
  /**
   * With nonFinite skip: so many steps may be left out before the run stops all the same. Takes a whole number of at
   * least 1. Default `10`.
   */
  maxBadSteps?: number | undefined;
  /** Write event files for TensorBoard beside metrics.jsonl. Default `true`. */
  tensorboard?: boolean | undefined;
  /** Replace a run that output already holds. Default `false`. */
  overwrite?: boolean | undefined;
  /** Go on from a checkpoint: its directory, or latest for the last one in output. */
  resume?: string | URL | undefined;
  /** Resume although model, data or options differ from those the checkpoint was made with. Default `false`. */
  allowChanges?: boolean | undefined;
}

export interface EvalFields {
  /** Model directory in transformers.js layout, a bare .onnx file, or a hub name (owner/name, owner/name@revision). */
  model: string | URL;
  /** What the model is for; default what the data are of, else what its inputs and config.json say. */
  task?: 'text-classification' | 'token-classification' | 'question-answering' | 'masked-lm' | 'task-driven-lm' | 'causal-lm' | 'sentence-similarity' | 'reranking' | 'seq2seq' | 'image-classification' | 'tensors' | undefined;
  /** Directory of an adapter in PEFT's form that the model is run with; several add up. */
  adapter?: string | URL | readonly (string | URL)[] | undefined;
  /** Where to compute. Default `"cpu"`. */
  device?: 'cpu' | undefined;
  /**
   * Threads that compute; default one for each core that the process may use (affinity, quota). Takes a whole number
   * from 1 to 1024.
   */
  threads?: number | undefined;
  /**
   * Threads that read, tokenise and decode; default one, of pictures one for every two cores up to 8. Results do not
   * depend on it. Takes a whole number from 1 to 64.
   */
  workers?: number | undefined;
  /**
   * Most bytes that the model file's own graph may ask for, with the smallest inputs it takes, before anything is
   * computed: a file that asks for more is refused by name. What your batches take is not counted. Takes a number of
   * bytes, or a size such as 4GB or 512 MiB.
   */
  maxGraphMemory?: number | string | undefined;
  /**
   * Most bytes of a model of the hub in all, unpacked, and of a file of a URL: a larger one is not fetched. Default
   * ORTUNE_DOWNLOAD_MAX_BYTES, else 32 GiB; of an .onnx file 2 GiB at most. Takes a number of bytes, or a size such as
   * 4GB or 512 MiB.
   */
  maxDownloadBytes?: number | string | undefined;
  /**
   * Inputs of the model that have one value for all samples: a number, true or false, such as the rate of sounds or
   * what decides an If. Default `[]`.
   */
  bind?: string | readonly string[] | undefined;
  /** Batches that are prepared ahead of the step that needs them. Takes a whole number from 1 to 64. Default `4`. */
  batchesAhead?: number | undefined;
  /**
   * Data to evaluate on: JSONL, CSV, TSV or Parquet, also gzipped; of pictures also a folder with one sub-folder for
   * each class, or .safetensors; several files and globs.
   */
  data: string | URL | readonly (string | URL)[];
  /**
   * Between the fields of CSV and TSV; default that of the header: a comma in .csv and a tab in .tsv, unless it shows
   * semicolons, tabs, pipes or commas instead. Takes one character, or tab, comma, semicolon, pipe or space.
   */
  delimiter?: string | undefined;
  /**
   * Around fields of CSV and TSV that hold delimiters or line breaks; none: quotes are letters. Default " in CSV; in
   * TSV the reading that fits the file. Takes one character, or none.
   */
  quote?: string | undefined;
  /** Encoding of text files; default UTF-8, or UTF-16 where the file begins with its mark or shows it. */
  encoding?: string | undefined;
  /**
   * Names of the columns of CSV and TSV files that have no header line, in their order; none: the columns are called 1,
   * 2 and so on. Takes names of columns, or none.
   */
  header?: string | readonly string[] | undefined;
  /**
   * What ends a line of a text file: lf (LF, or CR and LF), cr (CR alone) or any of these; default cr where the file
   * begins without any LF, else lf.
   */
  lineEnding?: 'lf' | 'cr' | 'any' | undefined;
  /**
   * Most memory that samples read from tables may take, as bytes or as text such as 4GB; larger data are refused.
   * Default half of what the process may use. Takes a number of bytes, or a size such as 4GB or 512 MiB.
   */
  maxDataMemory?: number | string | undefined;
  /** Samples per batch. Takes a whole number from 1 to 65536. Default `32`. */
  batchSize?: number | undefined;
  /** Column (CSV) or key (JSONL) that holds the text. Default `"text"`. */
  textColumn?: string | undefined;
  /** Column that holds a second text, for pairs such as question and answer. */
  pairColumn?: string | undefined;
  /** Column that holds the label. Default `"label"`. */
  labelColumn?: string | undefined;
  /**
   * Names of the classes in the order of their numbers, where labels are numbers; default those that the data or the
   * model give (docs/labels.md). Takes a list of names.
   */
  labelNames?: string | readonly string[] | undefined;
  /** Several labels may hold at once: a list of them, or 0 and 1 for each. Default `false`. */
  multiLabel?: boolean | undefined;
  /**
   * Several labels: the probability from which on each is predicted, one for all or by name; default the one that gives
   * the largest F1 on the evaluation data, which the saved model keeps, else 0.5. Takes a probability, or a map of them
   * by label.
   */
  thresholds?: number | Readonly<Record<string, number>> | undefined;
  /**
   * text-classification: columns in place of labelColumn, one for each label, that hold 0 or 1 (multiLabel), a
   * probability, or a score (regression). Takes a list of names.
   */
  labelColumns?: string | readonly string[] | undefined;
  /**
   * text-classification: labelColumn holds a list with a number for each label: 0 or 1 (multiLabel), else probabilities
   * that add up to 1. Default `false`.
   */
  labelRows?: boolean | undefined;
  /** text-classification, multiLabel: what stands between the labels of a text in one field, as in a|b. */
  labelSeparator?: string | undefined;
  /** text-classification: labels are scores, a number or a list of numbers each, and not classes. Default `false`. */
  regression?: boolean | undefined;
  /**
   * Of labels of texts, words and pictures: the loss in place of the usual one: a graph of your own, FILE.onnx, that
   * takes logits and labels (docs/callbacks.md), or of scores (regression) mse, which is the default, mae or huber.
   * Takes mse, mae, huber, binary-cross-entropy, cross-entropy, a path that ends in .onnx, or {file}.
   */
  loss?: 'mse' | 'mae' | 'huber' | 'binary-cross-entropy' | 'cross-entropy' | {
    /** Path or file: URL of the graph. */
    file: string | URL;
  } | string | undefined;
  /**
   * Longest text in tokens; longer ones are cut and counted. The positions of the model bound it too. Takes a whole
   * number of at least 1. Default `512`.
   */
  maxLength?: number | undefined;
  /**
   * Lengths in tokens that batches are padded to, ascending up to maxLength; default 32, 64, 128 and so on. Takes a
   * list, each a whole number of at least 1.
   */
  buckets?: readonly number[] | undefined;
  /** token-classification: column that holds the words of a text, a list of them. Default `"tokens"`. */
  wordsColumn?: string | undefined;
  /** token-classification: column that holds a tag for each word, a list of names or numbers. Default `"tags"`. */
  tagsColumn?: string | undefined;
  /**
   * token-classification: pieces of a word behind its first are trained too, as the inside form of its tag (I-).
   * Default `true`.
   */
  labelAllPieces?: boolean | undefined;
  /**
   * token-classification: column that holds ranges of the text's characters with a label each, in place of words and
   * tags; default what exports of usual programs have.
   */
  spansColumn?: string | undefined;
  /**
   * Tokens that neighbouring windows of a long text have in common; at most half of a window. Takes a whole number of
   * at least 0. Default `128`.
   */
  stride?: number | undefined;
  /** question-answering: column that holds the question. Default `"question"`. */
  questionColumn?: string | undefined;
  /** question-answering: column that holds the text with its answers. Default `"context"`. */
  contextColumn?: string | undefined;
  /**
   * question-answering: column that holds the right answers, { text, answer_start } with a list each. Default
   * `"answers"`.
   */
  answersColumn?: string | undefined;
  /**
   * question-answering: most tokens of an answer that is predicted. Takes a whole number of at least 1. Default `30`.
   */
  maxAnswerLength?: number | undefined;
  /**
   * question-answering: no answer is predicted where the logarithm of its odds against the best answer is greater;
   * default the one that gives the largest F1 on the evaluation data, which the saved model keeps, where these have
   * questions without an answer, else never. Takes a number.
   */
  nullThreshold?: number | undefined;
  /**
   * masked-lm, task-driven-lm: share of the tokens of a text that are to be found. Takes a number above 0 and of at
   * most 0.5. Default `0.15`.
   */
  mlmProbability?: number | undefined;
  /** masked-lm, task-driven-lm: all tokens of a word are masked together. Default `false`. */
  wholeWordMask?: boolean | undefined;
  /** masked-lm: also learn whether the text of pairColumn follows, or is that of another sample. Default `false`. */
  nextSentence?: boolean | undefined;
  /** causal-lm: column that holds a prompt, which is read and not learnt; in place of textColumn. */
  promptColumn?: string | undefined;
  /** causal-lm: column that holds what follows the prompt. Default `"completion"`. */
  completionColumn?: string | undefined;
  /**
   * causal-lm: column that holds a chat, a list of { role, content } or { from, value }; in place of textColumn. What
   * the assistant says is learnt.
   */
  messagesColumn?: string | undefined;
  /** causal-lm: prompts, and all of a chat, are learnt too. Default `false`. */
  promptLoss?: boolean | undefined;
  /**
   * causal-lm: none has a sample in each row; samples has as many of the training data as fit, which do not see each
   * other; blocks has all texts one behind the other, cut every maxLength tokens. Default `"none"`.
   */
  packing?: 'none' | 'samples' | 'blocks' | undefined;
  /** causal-lm: which end of a text longer than maxLength is cut off. Default `"right"`. */
  truncationSide?: 'right' | 'left' | undefined;
  /**
   * causal-lm, seq2seq: the model writes by itself, and its texts are compared with the targets (textMetrics). Default
   * `false`.
   */
  predictWithGenerate?: boolean | undefined;
  /**
   * causal-lm, seq2seq, predictWithGenerate, generateSamples: most tokens that are written of a sample, greedily. Takes
   * a whole number of at least 1. Default `64`.
   */
  generationMaxLength?: number | undefined;
  /**
   * causal-lm, seq2seq, predictWithGenerate: what is measured of texts, of exactMatch, bleu, chrf, chrf++, rouge,
   * meteor, wer, cer, distinct (docs/text-metrics.md). Takes a list of names.
   */
  textMetrics?: string | readonly string[] | undefined;
  /**
   * causal-lm, seq2seq, predictWithGenerate: tokens of BLEU, METEOR and distinct-n; zh for Chinese. Default `"13a"`.
   */
  textTokenizer?: '13a' | 'zh' | 'char' | 'intl' | 'none' | undefined;
  /**
   * causal-lm, seq2seq, predictWithGenerate: words of ROUGE, a to z and digits, or letters of all scripts. Default
   * `"latin"`.
   */
  rougeWords?: 'latin' | 'unicode' | undefined;
  /**
   * Columns of texts that do not belong to that of textColumn, where that of pairColumn does. Takes a list of names.
   */
  negativeColumns?: string | readonly string[] | undefined;
  /** Column of numbers that say how alike the two texts are, or how relevant the second is. */
  scoreColumn?: string | undefined;
  /**
   * sentence-similarity: column of the class of each text, in place of pairColumn: texts of a class belong together,
   * and others do not.
   */
  classColumn?: string | undefined;
  /**
   * sentence-similarity: what is learnt from: multiple-negatives (pairs; all other texts of the batch are negatives),
   * cosine or cosent (scores), contrastive (scores of 0 and 1), triplet (one negative), supervised-contrastive
   * (classes). Default cosent with scoreColumn, supervised-contrastive with classColumn, else multiple-negatives.
   */
  similarityLoss?: 'multiple-negatives' | 'cosine' | 'cosent' | 'contrastive' | 'triplet' | 'supervised-contrastive' | undefined;
  /**
   * sentence-similarity: of multiple-negatives also the other way: the anchor is found for its positive. Default
   * `false`.
   */
  symmetric?: boolean | undefined;
  /**
   * sentence-similarity: what cosines are multiplied by before a softmax; one over the temperature. Takes a number
   * above 0. Default `20`.
   */
  similarityScale?: number | undefined;
  /** sentence-similarity: margin of triplet (default 5) and contrastive (default 0.5). Takes a number of at least 0. */
  margin?: number | undefined;
  /**
   * sentence-similarity: sizes of leading parts of the vectors that are to stand by themselves; the loss is their sum.
   */
  matryoshkaDims?: number | readonly number[] | undefined;
  /**
   * sentence-similarity: how one vector comes of those of the tokens; default what the model directory says, else mean.
   */
  pooling?: 'mean' | 'cls' | 'max' | 'lasttoken' | 'weightedmean' | 'mean_sqrt_len_tokens' | undefined;
  /** sentence-similarity: vectors are brought to length 1; default what the model directory says, else not. */
  normalize?: boolean | undefined;
  /**
   * sentence-similarity: text that goes before those of textColumn; default the prompt query of the model directory.
   */
  queryPrompt?: string | undefined;
  /** sentence-similarity: text that goes before all other texts; default the prompt document of the model directory. */
  documentPrompt?: string | undefined;
  /**
   * reranking: binary cross-entropy (scores from 0 to 1), or the squared error of scores of any size. Default `"bce"`.
   */
  rerankingLoss?: 'bce' | 'mse' | undefined;
  /** seq2seq: column that holds what is read, such as document; default source. */
  sourceColumn?: string | undefined;
  /** seq2seq: column that holds what is to be written, such as summary; default target. */
  targetColumn?: string | undefined;
  /**
   * seq2seq: language of the sources: their key in the column translation, as in {"translation": {"en": …, "de": …}},
   * and of models of many languages (mBART, M2M-100, NLLB) their code there, such as en_XX.
   */
  sourceLang?: string | undefined;
  /** seq2seq: language of the targets. */
  targetLang?: string | undefined;
  /** seq2seq: goes before every source, as in 'translate English to German: '; default that of the model. */
  sourcePrefix?: string | undefined;
  /**
   * seq2seq: longest target in tokens; longer ones are cut and counted. Default maxLength. Takes a whole number of at
   * least 1.
   */
  maxTargetLength?: number | undefined;
  /**
   * Column with the paths of the pictures, from the folder of the file on, or in Parquet with the pictures themselves;
   * default image.
   */
  imageColumn?: string | undefined;
  /**
   * Pictures of more pixels are not decoded, and count as ones that cannot be used. Takes a whole number of at least 1.
   * Default `100000000`.
   */
  maxPixels?: number | undefined;
  /**
   * Picture files of more bytes are not read, and count as ones that cannot be used. Takes a whole number of at least
   * 1. Default `1000000000`.
   */
  maxPictureBytes?: number | undefined;
  /**
   * So many pictures that cannot be decoded are left out before the run stops; default 10, or 1 % of the samples where
   * that is more. Takes a whole number of at least 0.
   */
  maxBadSamples?: number | undefined;
  /**
   * Mean that is taken off the channels of uint8 pixels; default the model's own, or ImageNet's. Takes a number, or one
   * for each channel.
   */
  imageMean?: number | readonly number[] | undefined;
  /**
   * Deviation that channels of uint8 pixels are divided by; default the model's own, or ImageNet's. Takes a number, or
   * one for each channel.
   */
  imageStd?: number | readonly number[] | undefined;
  /**
   * Height and width of the pictures, where the model takes any; default the model's own, or that of the data. Takes a
   * number of pixels, or height and width.
   */
  imageSize?: number | readonly number[] | undefined;
  /**
   * tensors: the losses, whose weighted sum is minimised: each between an output of the model and a target of the data,
   * by mse, mae, huber, binary-cross-entropy, kl-divergence, cosine, cross-entropy, or {file: loss.onnx}. Takes a list,
   * as in [{output: y, target: t, loss: mse, weight: 1}].
   */
  losses?: readonly ({
    output?: string | undefined;
    target?: string | undefined;
    loss: 'mse' | 'mae' | 'huber' | 'binary-cross-entropy' | 'kl-divergence' | 'cosine' | 'cross-entropy' | {
      file: string | URL;
    };
    weight?: number | undefined;
  })[] | undefined;
  /**
   * tensors: column or tensor of the data for an input of the model, where it is called otherwise. Takes a map of
   * names, as in {x: features}. Default `{}`.
   */
  inputColumns?: Readonly<Record<string, string>> | undefined;
}

export interface PredictFields {
  /** Model directory in transformers.js layout, a bare .onnx file, or a hub name (owner/name, owner/name@revision). */
  model: string | URL;
  /** What the model is for; default what its inputs and config.json say. */
  task?: 'text-classification' | 'token-classification' | 'question-answering' | 'masked-lm' | 'task-driven-lm' | 'causal-lm' | 'sentence-similarity' | 'reranking' | 'seq2seq' | 'image-classification' | 'tensors' | undefined;
  /** Directory of an adapter in PEFT's form that the model is run with; several add up. */
  adapter?: string | URL | readonly (string | URL)[] | undefined;
  /** Where to compute. Default `"cpu"`. */
  device?: 'cpu' | undefined;
  /**
   * Threads that compute; default one for each core that the process may use (affinity, quota). Takes a whole number
   * from 1 to 1024.
   */
  threads?: number | undefined;
  /**
   * Threads that read, tokenise and decode; default one, of pictures one for every two cores up to 8. Results do not
   * depend on it. Takes a whole number from 1 to 64.
   */
  workers?: number | undefined;
  /**
   * Most bytes that the model file's own graph may ask for, with the smallest inputs it takes, before anything is
   * computed: a file that asks for more is refused by name. What your batches take is not counted. Takes a number of
   * bytes, or a size such as 4GB or 512 MiB.
   */
  maxGraphMemory?: number | string | undefined;
  /**
   * Most bytes of a model of the hub in all, unpacked, and of a file of a URL: a larger one is not fetched. Default
   * ORTUNE_DOWNLOAD_MAX_BYTES, else 32 GiB; of an .onnx file 2 GiB at most. Takes a number of bytes, or a size such as
   * 4GB or 512 MiB.
   */
  maxDownloadBytes?: number | string | undefined;
  /**
   * Inputs of the model that have one value for all samples: a number, true or false, such as the rate of sounds or
   * what decides an If. Default `[]`.
   */
  bind?: string | readonly string[] | undefined;
  /** Batches that are prepared ahead of the step that needs them. Takes a whole number from 1 to 64. Default `4`. */
  batchesAhead?: number | undefined;
  /**
   * What to label: texts in JSONL, CSV, TSV or Parquet, also gzipped; or pictures: their files, folders, tables or
   * .safetensors; default texts of the command line or standard input.
   */
  data?: string | URL | readonly (string | URL)[] | undefined;
  /** File to write the predictions to, where these are tensors. */
  output?: string | URL | undefined;
  /**
   * Between the fields of CSV and TSV; default that of the header: a comma in .csv and a tab in .tsv, unless it shows
   * semicolons, tabs, pipes or commas instead. Takes one character, or tab, comma, semicolon, pipe or space.
   */
  delimiter?: string | undefined;
  /**
   * Around fields of CSV and TSV that hold delimiters or line breaks; none: quotes are letters. Default " in CSV; in
   * TSV the reading that fits the file. Takes one character, or none.
   */
  quote?: string | undefined;
  /** Encoding of text files; default UTF-8, or UTF-16 where the file begins with its mark or shows it. */
  encoding?: string | undefined;
  /**
   * Names of the columns of CSV and TSV files that have no header line, in their order; none: the columns are called 1,
   * 2 and so on. Takes names of columns, or none.
   */
  header?: string | readonly string[] | undefined;
  /**
   * What ends a line of a text file: lf (LF, or CR and LF), cr (CR alone) or any of these; default cr where the file
   * begins without any LF, else lf.
   */
  lineEnding?: 'lf' | 'cr' | 'any' | undefined;
  /**
   * Most memory that samples read from tables may take, as bytes or as text such as 4GB; larger data are refused.
   * Default half of what the process may use. Takes a number of bytes, or a size such as 4GB or 512 MiB.
   */
  maxDataMemory?: number | string | undefined;
  /** Samples per batch. Takes a whole number from 1 to 65536. Default `32`. */
  batchSize?: number | undefined;
  /** Column (CSV) or key (JSONL) that holds the text. Default `"text"`. */
  textColumn?: string | undefined;
  /** Column that holds a second text, for pairs such as question and answer. */
  pairColumn?: string | undefined;
  /** Several labels may hold at once; default as the model's config.json says. Default `false`. */
  multiLabel?: boolean | undefined;
  /**
   * Several labels: the probability from which on each is predicted, one for all or by name; default the one that gives
   * the largest F1 on the evaluation data, which the saved model keeps, else 0.5. Takes a probability, or a map of them
   * by label.
   */
  thresholds?: number | Readonly<Record<string, number>> | undefined;
  /**
   * Longest text in tokens; longer ones are cut and counted. The positions of the model bound it too. Takes a whole
   * number of at least 1. Default `512`.
   */
  maxLength?: number | undefined;
  /**
   * Lengths in tokens that batches are padded to, ascending up to maxLength; default 32, 64, 128 and so on. Takes a
   * list, each a whole number of at least 1.
   */
  buckets?: readonly number[] | undefined;
  /** token-classification: column that holds the words of a text, a list of them. Default `"tokens"`. */
  wordsColumn?: string | undefined;
  /**
   * token-classification: how tokens become entities, as in the transformers library: none (each token), simple, or by
   * words: first, average, max. Default `"first"`.
   */
  aggregation?: 'none' | 'simple' | 'first' | 'average' | 'max' | undefined;
  /**
   * Tokens that neighbouring windows of a long text have in common; at most half of a window. Takes a whole number of
   * at least 0. Default `128`.
   */
  stride?: number | undefined;
  /** question-answering: column that holds the question. Default `"question"`. */
  questionColumn?: string | undefined;
  /** question-answering: column that holds the text with its answers. Default `"context"`. */
  contextColumn?: string | undefined;
  /** question-answering: the text in which questions are answered that come without one. */
  context?: string | undefined;
  /**
   * question-answering: so many of the likeliest answers of each question. Takes a whole number of at least 1. Default
   * `5`.
   */
  nBest?: number | undefined;
  /**
   * question-answering: most tokens of an answer that is predicted. Takes a whole number of at least 1. Default `30`.
   */
  maxAnswerLength?: number | undefined;
  /**
   * question-answering: no answer is predicted where the logarithm of its odds against the best answer is greater;
   * default the one that gives the largest F1 on the evaluation data, which the saved model keeps, where these have
   * questions without an answer, else never. Takes a number.
   */
  nullThreshold?: number | undefined;
  /**
   * masked-lm: so many of the likeliest tokens for each mask of a text. Takes a whole number of at least 1. Default
   * `5`.
   */
  topK?: number | undefined;
  /** causal-lm: column that holds a prompt, which is read and not learnt; in place of textColumn. */
  promptColumn?: string | undefined;
  /**
   * causal-lm: column that holds a chat, a list of { role, content } or { from, value }; in place of textColumn. What
   * the assistant says is learnt.
   */
  messagesColumn?: string | undefined;
  /**
   * causal-lm, seq2seq: most tokens that are written behind a prompt, or of a source. Takes a whole number of at least
   * 1. Default `64`.
   */
  maxNewTokens?: number | undefined;
  /**
   * sentence-similarity: how one vector comes of those of the tokens; default what the model directory says, else mean.
   */
  pooling?: 'mean' | 'cls' | 'max' | 'lasttoken' | 'weightedmean' | 'mean_sqrt_len_tokens' | undefined;
  /** sentence-similarity: vectors are brought to length 1; default what the model directory says, else not. */
  normalize?: boolean | undefined;
  /**
   * sentence-similarity: text that goes before those of textColumn; default the prompt query of the model directory.
   */
  queryPrompt?: string | undefined;
  /** sentence-similarity: text that goes before all other texts; default the prompt document of the model directory. */
  documentPrompt?: string | undefined;
  /**
   * sentence-similarity: the prompt of the model directory that goes before a text by itself, such as query; default
   * none.
   */
  prompt?: string | undefined;
  /** seq2seq: column that holds what is read, such as document; default source. */
  sourceColumn?: string | undefined;
  /**
   * seq2seq: language of the sources: their key in the column translation, as in {"translation": {"en": …, "de": …}},
   * and of models of many languages (mBART, M2M-100, NLLB) their code there, such as en_XX.
   */
  sourceLang?: string | undefined;
  /** seq2seq: language of the targets. */
  targetLang?: string | undefined;
  /** seq2seq: goes before every source, as in 'translate English to German: '; default that of the model. */
  sourcePrefix?: string | undefined;
  /**
   * Column with the paths of the pictures, from the folder of the file on, or in Parquet with the pictures themselves;
   * default image.
   */
  imageColumn?: string | undefined;
  /**
   * Pictures of more pixels are not decoded, and count as ones that cannot be used. Takes a whole number of at least 1.
   * Default `100000000`.
   */
  maxPixels?: number | undefined;
  /**
   * Picture files of more bytes are not read, and count as ones that cannot be used. Takes a whole number of at least
   * 1. Default `1000000000`.
   */
  maxPictureBytes?: number | undefined;
  /**
   * Mean that is taken off the channels of uint8 pixels; default the model's own, or ImageNet's. Takes a number, or one
   * for each channel.
   */
  imageMean?: number | readonly number[] | undefined;
  /**
   * Deviation that channels of uint8 pixels are divided by; default the model's own, or ImageNet's. Takes a number, or
   * one for each channel.
   */
  imageStd?: number | readonly number[] | undefined;
  /**
   * Height and width of the pictures, where the model takes any; default the model's own, or that of the data. Takes a
   * number of pixels, or height and width.
   */
  imageSize?: number | readonly number[] | undefined;
  /**
   * tensors: column or tensor of the data for an input of the model, where it is called otherwise. Takes a map of
   * names, as in {x: features}. Default `{}`.
   */
  inputColumns?: Readonly<Record<string, string>> | undefined;
}

export interface PackFields {
  /**
   * What to pack, in any form that train takes: pictures as folders, tables or .safetensors; texts in JSONL, CSV, TSV
   * or Parquet.
   */
  data: string | URL | readonly (string | URL)[];
  /** File to write; it ends in .safetensors. */
  output: string | URL;
  /** Model directory or hub name whose tokenizer makes tokens of texts; without it the data are pictures. */
  model?: string | URL | undefined;
  /**
   * Pictures: 256 resizes those whose shorter side is longer to that, 256x320 brings all to this height and width, cut
   * from the middle. Takes a number of pixels, or height x width. Default `"256"`.
   */
  size?: string | number | undefined;
  /** Pictures: 1 grey, 3 red, green and blue, 4 with alpha. Takes 1, 3 or 4. Default `3`. */
  channels?: 1 | 3 | 4 | undefined;
  /** Column (CSV) or key (JSONL) that holds the text. Default `"text"`. */
  textColumn?: string | undefined;
  /** Column that holds a second text, for pairs such as question and answer. */
  pairColumn?: string | undefined;
  /** Column that holds the label. Default `"label"`. */
  labelColumn?: string | undefined;
  /**
   * Column with the paths of the pictures, from the folder of the file on, or in Parquet with the pictures themselves;
   * default image.
   */
  imageColumn?: string | undefined;
  /** The data have labels, which are packed with them. Default `true`. */
  labelled?: boolean | undefined;
  /**
   * Names of the classes in the order of their numbers, where labels are numbers; default those that the data or the
   * model give (docs/labels.md). Takes a list of names.
   */
  labelNames?: string | readonly string[] | undefined;
  /** Several labels may hold at once: a list of them, or 0 and 1 for each. Default `false`. */
  multiLabel?: boolean | undefined;
  /**
   * Column, or tensor, that holds a weight of each training sample, for its loss or, with sampling weighted, its odds.
   */
  weightColumn?: string | undefined;
  /**
   * Between the fields of CSV and TSV; default that of the header: a comma in .csv and a tab in .tsv, unless it shows
   * semicolons, tabs, pipes or commas instead. Takes one character, or tab, comma, semicolon, pipe or space.
   */
  delimiter?: string | undefined;
  /**
   * Around fields of CSV and TSV that hold delimiters or line breaks; none: quotes are letters. Default " in CSV; in
   * TSV the reading that fits the file. Takes one character, or none.
   */
  quote?: string | undefined;
  /** Encoding of text files; default UTF-8, or UTF-16 where the file begins with its mark or shows it. */
  encoding?: string | undefined;
  /**
   * Names of the columns of CSV and TSV files that have no header line, in their order; none: the columns are called 1,
   * 2 and so on. Takes names of columns, or none.
   */
  header?: string | readonly string[] | undefined;
  /**
   * What ends a line of a text file: lf (LF, or CR and LF), cr (CR alone) or any of these; default cr where the file
   * begins without any LF, else lf.
   */
  lineEnding?: 'lf' | 'cr' | 'any' | undefined;
  /**
   * Most memory that samples read from tables may take, as bytes or as text such as 4GB; larger data are refused.
   * Default half of what the process may use. Takes a number of bytes, or a size such as 4GB or 512 MiB.
   */
  maxDataMemory?: number | string | undefined;
  /**
   * Longest text in tokens; longer ones are cut and counted. The positions of the model bound it too. Takes a whole
   * number of at least 1. Default `512`.
   */
  maxLength?: number | undefined;
  /**
   * Pictures of more pixels are not decoded, and count as ones that cannot be used. Takes a whole number of at least 1.
   * Default `100000000`.
   */
  maxPixels?: number | undefined;
  /**
   * Picture files of more bytes are not read, and count as ones that cannot be used. Takes a whole number of at least
   * 1. Default `1000000000`.
   */
  maxPictureBytes?: number | undefined;
  /**
   * So many pictures that cannot be decoded are left out before the run stops; default 10, or 1 % of the samples where
   * that is more. Takes a whole number of at least 0.
   */
  maxBadSamples?: number | undefined;
  /** Threads that decode or tokenise; default one per core. Takes a whole number from 1 to 64. */
  workers?: number | undefined;
  /** Replace a file that is there. Default `false`. */
  overwrite?: boolean | undefined;
}

export interface PreviewFields {
  /** Model directory in transformers.js layout, a bare .onnx file, or a hub name (owner/name, owner/name@revision). */
  model: string | URL;
  /**
   * Training data: JSONL, CSV, TSV or Parquet, also gzipped; of pictures also a folder with one sub-folder for each
   * class, or .safetensors; several files and globs.
   */
  train: string | URL | readonly (string | URL)[];
  /** Column that holds the label. Default `"label"`. */
  labelColumn?: string | undefined;
  /** Several labels may hold at once: a list of them, or 0 and 1 for each. Default `false`. */
  multiLabel?: boolean | undefined;
  /**
   * Column with the paths of the pictures, from the folder of the file on, or in Parquet with the pictures themselves;
   * default image.
   */
  imageColumn?: string | undefined;
  /**
   * Pictures of more pixels are not decoded, and count as ones that cannot be used. Takes a whole number of at least 1.
   * Default `100000000`.
   */
  maxPixels?: number | undefined;
  /**
   * Picture files of more bytes are not read, and count as ones that cannot be used. Takes a whole number of at least
   * 1. Default `1000000000`.
   */
  maxPictureBytes?: number | undefined;
  /**
   * Between the fields of CSV and TSV; default that of the header: a comma in .csv and a tab in .tsv, unless it shows
   * semicolons, tabs, pipes or commas instead. Takes one character, or tab, comma, semicolon, pipe or space.
   */
  delimiter?: string | undefined;
  /**
   * Around fields of CSV and TSV that hold delimiters or line breaks; none: quotes are letters. Default " in CSV; in
   * TSV the reading that fits the file. Takes one character, or none.
   */
  quote?: string | undefined;
  /** Encoding of text files; default UTF-8, or UTF-16 where the file begins with its mark or shows it. */
  encoding?: string | undefined;
  /**
   * Names of the columns of CSV and TSV files that have no header line, in their order; none: the columns are called 1,
   * 2 and so on. Takes names of columns, or none.
   */
  header?: string | readonly string[] | undefined;
  /**
   * What ends a line of a text file: lf (LF, or CR and LF), cr (CR alone) or any of these; default cr where the file
   * begins without any LF, else lf.
   */
  lineEnding?: 'lf' | 'cr' | 'any' | undefined;
  /**
   * Most memory that samples read from tables may take, as bytes or as text such as 4GB; larger data are refused.
   * Default half of what the process may use. Takes a number of bytes, or a size such as 4GB or 512 MiB.
   */
  maxDataMemory?: number | string | undefined;
  /**
   * Names of the classes in the order of their numbers, where labels are numbers; default those that the data or the
   * model give (docs/labels.md). Takes a list of names.
   */
  labelNames?: string | readonly string[] | undefined;
  /**
   * Mean that is taken off the channels of uint8 pixels; default the model's own, or ImageNet's. Takes a number, or one
   * for each channel.
   */
  imageMean?: number | readonly number[] | undefined;
  /**
   * Deviation that channels of uint8 pixels are divided by; default the model's own, or ImageNet's. Takes a number, or
   * one for each channel.
   */
  imageStd?: number | readonly number[] | undefined;
  /**
   * Height and width of the pictures, where the model takes any; default the model's own, or that of the data. Takes a
   * number of pixels, or height and width.
   */
  imageSize?: number | readonly number[] | undefined;
  /**
   * Random changes of the training pictures: a list of steps, each a name or {op: NAME, option: value}
   * (docs/images.md), or one of none, standard. Takes a list of steps.
   */
  augmentation?: string | {
    op: string;
    [option: string]: unknown;
  } | readonly (string | {
    op: string;
    [option: string]: unknown;
  })[] | undefined;
  /**
   * Decides order, dropout and drawn weights; equal seeds give equal weights. Takes a whole number from 0 to
   * 4294967295. Default `0`.
   */
  seed?: number | undefined;
  /**
   * Threads that read, tokenise and decode; default one, of pictures one for every two cores up to 8. Results do not
   * depend on it. Takes a whole number from 1 to 64.
   */
  workers?: number | undefined;
  /** PNG file to write. */
  output?: string | URL | undefined;
  /** Training pictures to show, a row for each. Takes a whole number from 1 to 100. Default `6`. */
  pictures?: number | undefined;
  /** How often each is augmented. Takes a whole number from 1 to 50. Default `8`. */
  variants?: number | undefined;
}

export interface GradcheckFields {
  /**
   * Shape of an input, its type and the range of its random values; inputs without one get batch 2, length 8. Default
   * `[]`.
   */
  input?: string | readonly string[] | undefined;
  /**
   * Gradients to compare with instead of central differences, by names of tensors, with the inputs by their names and
   * projection.OUTPUT, the derivative of the loss by an output; without a projection the loss is the sum of all
   * outputs.
   */
  against?: string | URL | undefined;
  /** Decides inputs, projection and directions. Takes a whole number from 0 to 4294967295. Default `0`. */
  seed?: number | undefined;
  /** Statistics of BatchNormalization: of the batch, as while training, or those of the file. Default `"frozen"`. */
  batchNorm?: 'batch' | 'frozen' | undefined;
  /**
   * Largest relative error of a directional derivative; with `against`, of a gradient. Takes a number above 0. Default
   * `0.01`.
   */
  tolerance?: number | undefined;
  /**
   * Threads that compute; default one for each core that the process may use (affinity, quota). Takes a whole number
   * from 1 to 1024.
   */
  threads?: number | undefined;
  /**
   * Most bytes that the model file's own graph may ask for, with the smallest inputs it takes, before anything is
   * computed: a file that asks for more is refused by name. What your batches take is not counted. Takes a number of
   * bytes, or a size such as 4GB or 512 MiB.
   */
  maxGraphMemory?: number | string | undefined;
  /**
   * Most bytes of a model of the hub in all, unpacked, and of a file of a URL: a larger one is not fetched. Default
   * ORTUNE_DOWNLOAD_MAX_BYTES, else 32 GiB; of an .onnx file 2 GiB at most. Takes a number of bytes, or a size such as
   * 4GB or 512 MiB.
   */
  maxDownloadBytes?: number | string | undefined;
  /**
   * Inputs of the model that have one value for all samples: a number, true or false, such as the rate of sounds or
   * what decides an If. Default `[]`.
   */
  bind?: string | readonly string[] | undefined;
}

export interface InspectFields {
  /**
   * Most bytes that the model file's own graph may ask for, with the smallest inputs it takes, before anything is
   * computed: a file that asks for more is refused by name. What your batches take is not counted. Takes a number of
   * bytes, or a size such as 4GB or 512 MiB.
   */
  maxGraphMemory?: number | string | undefined;
  /**
   * Most bytes of a model of the hub in all, unpacked, and of a file of a URL: a larger one is not fetched. Default
   * ORTUNE_DOWNLOAD_MAX_BYTES, else 32 GiB; of an .onnx file 2 GiB at most. Takes a number of bytes, or a size such as
   * 4GB or 512 MiB.
   */
  maxDownloadBytes?: number | string | undefined;
  /**
   * Inputs of the model that have one value for all samples: a number, true or false, such as the rate of sounds or
   * what decides an If. Default `[]`.
   */
  bind?: string | readonly string[] | undefined;
}

export interface CompareFields {
  /**
   * Ways of using the model: untouched (a new head, no training), frozen (the head alone is trained), scratch (no
   * pre-trained weight), finetuned, lora (an adapter and the head are trained), contrastive (vectors that are near
   * within a class are learnt first, then the head alone), tlm (classes and masked tokens of texts retrieved from
   * corpus are learnt first, from random weights, then the classes), or first:K (finetuned, the first K layers only);
   * default the first four. Takes a list, each one of untouched, frozen, scratch, finetuned, lora, contrastive, tlm, or
   * first:K for the first K layers, such as first:2. Default `["untouched","frozen","scratch","finetuned"]`.
   */
  strategies?: string | readonly string[] | undefined;
  /**
   * Seeds to run each strategy with: a list, or how many from seed on. Takes a number of seeds from 1 to 1000, or a
   * list of seeds. Default `3`.
   */
  seeds?: number | readonly number[] | undefined;
  /**
   * Metric to compare: of test where it is given, else of eval, for the weights that are written. Default `"accuracy"`.
   */
  metric?: string | undefined;
  /** Strategy tlm: texts of the corpus for each training text. Takes a whole number of at least 1. Default `50`. */
  corpusTop?: number | undefined;
  /**
   * Strategy tlm: steps of its first part, each batchSize texts of the corpus or of the training data; the second has
   * those of the other strategies. Takes a whole number of at least 1.
   */
  corpusSteps?: number | undefined;
}

export interface LrFindFields {
  /** Learning rate of the first step. Takes a number above 0. Default `0.000001`. */
  startRate?: number | undefined;
  /**
   * Learning rate of the last step, where the loss has not gone up for good before. Takes a number above 0. Default
   * `1`.
   */
  endRate?: number | undefined;
  /** Optimizer steps from startRate to endRate. Takes a whole number from 10 to 10000. Default `100`. */
  steps?: number | undefined;
  /** File to write a plot of the losses to, as SVG. */
  svg?: string | URL | undefined;
}

export interface SearchFields {
  /**
   * Draw so many combinations at random (seed); default every combination, the grid. Takes a whole number from 1 to
   * 10000.
   */
  trials?: number | undefined;
  /**
   * Successive halving: all trials run for a part of maxSteps, one in so many of them for so many times as long, and so
   * on up to maxSteps; 3 is usual. Default: all run to the end. Takes a whole number of at least 2.
   */
  halving?: number | undefined;
  /**
   * With halving: fewest steps of a trial; default as few as leave one trial at maxSteps. Takes a whole number of at
   * least 1.
   */
  minSteps?: number | undefined;
  /**
   * Metric of the evaluation data that decides, for the weights that are written; default metricForBestModel, or where
   * that is the loss the task's first other one.
   */
  metric?: string | undefined;
}
