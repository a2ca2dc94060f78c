// Dynamic scaling of the loss for gradients in float16: what is small would be 0 there, so the loss is multiplied
// before backward and its gradients are divided again in float32. A step in which something overflowed changes nothing
// and halves the scale; many good ones in a row double it. Source: Micikevicius et al., Mixed Precision Training
// (2018), and PyTorch's GradScaler, which starts higher and loses its first steps to overflow: a fine-tuning run may
// have few.

export interface Scaling {
  scale: number;
  /** Good steps since it last changed. */
  goodSteps: number;
}

/** Powers of two, so that scaling changes no digit. */
export const lossScale = { first: 2 ** 12, least: 1, most: 2 ** 24, growthSteps: 200 };

export const newScaling = (): Scaling => ({ scale: lossScale.first, goodSteps: 0 });
