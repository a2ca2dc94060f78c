// How long a training run is and how fast it learns where neither its options nor its data say otherwise.

const usual = { epochs: 3, learningRate: 5e-5 };

/** These amounts of a configuration, with the usual ones in place of what it leaves out. */
export const usualAmounts = ({
  epochs = usual.epochs,
  learningRate = usual.learningRate,
}: {
  epochs?: number | undefined;
  learningRate?: number | undefined;
}): typeof usual => ({ epochs, learningRate });
