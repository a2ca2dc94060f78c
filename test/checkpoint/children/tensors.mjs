// Tensors of the children: all elements equal, so that a mixture of two snapshots shows.

/** @returns {import("#ortune/checkpoint/store.js").CheckpointSource[]} */
export function tensors(length) {
  const data = () => new Float32Array(new SharedArrayBuffer(4 * length));
  return [
    { file: 'model', name: 'weight', data: data(), shape: [length] },
    { file: 'optimizer', name: 'm.weight', data: data(), shape: [length] },
    { file: 'optimizer', name: 'v.weight', data: data(), shape: [length] },
  ];
}
