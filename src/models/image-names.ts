// The image networks that can be built, by name; apart from the builders, since options.ts of every command reads it.

export const imageModels = [
  'resnet18',
  'resnet50',
  'mobilenet-v2',
  'mobilenet-v3-small',
  'vit-tiny',
  'vit-small',
  'vit-base',
] as const;
export type ImageModel = (typeof imageModels)[number];
