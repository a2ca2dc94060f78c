// What a graph is lowered for: the kind of device that runs it, and the type that it computes in.

export const deviceKinds = ['cpu', 'webgpu', 'cuda'] as const;
export type DeviceKind = (typeof deviceKinds)[number];

export const precisions = ['float32', 'float16', 'bfloat16'] as const;
export type Precision = (typeof precisions)[number];
export type HalfType = Exclude<Precision, 'float32'>;
