// What the examples of the documents take for granted: a new one's names go here.

declare const Trainer: typeof import('ortune').Trainer;
declare const options: import('ortune').TrainOptions<'text-classification'>;
declare module '@huggingface/transformers';
declare const texts: string[];
declare const images: Uint8Array[];
declare const bytes: Uint8Array;
declare const floats: Float32Array;
declare const data: BigInt64Array;
declare const distrusted: ReadonlySet<string>;
declare function budgetIsSpent(signal: AbortSignal | undefined): Promise<boolean>;
declare function rowsOfDatabase(): Iterable<object>;
declare function readRow(index: number): Promise<object>;
declare function rowsOf(epoch: number): Iterable<object>;
declare const config: Uint8Array;
declare const tokenizer: Uint8Array;
declare const onnx: Uint8Array;
declare const upload: Uint8Array;
declare const inspectModel: typeof import('ortune').inspectModel;
