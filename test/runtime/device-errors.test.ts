// What providers say when memory does not suffice or the device is gone, as people are told; and how the runtime is told of
// a device. The words are the providers' own: WebGPU's from SwiftShader, CUDA's from the runtime's sources.

import { describe, expect, test } from 'vitest';
import { deviceError } from '#ortune/runtime/native-session.js';
import { providerOf } from '#ortune/runtime/providers.js';

const webgpu = providerOf('webgpu', 0);
const cuda = providerOf('cuda', 1);

describe('an error of a device', () => {
  test.each([
    [
      webgpu,
      'WebGPU validation failed. Buffer size (8589934592) exceeds the max buffer size limit (1073741824).\n - While',
    ],
    [webgpu, 'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.\n - While'],
    [webgpu, 'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY'],
    [cuda, 'CUDA failure 2: out of memory ; GPU=1 ; hostname=a ; file=cuda_call.cc'],
    [cuda, 'Failed to allocate memory for requested buffer of size 1073741824'],
  ])('of memory: %#', (provider, message) => {
    const error = deviceError(provider, message)!;
    expect(error.exhausted).toBe(true);
    expect(error.message).toBe(
      `the memory of the ${provider.name} device does not suffice (${message.split('\n')[0]})`,
    );
  });

  test.each([
    [webgpu, 'vkQueueSubmit failed with VK_ERROR_DEVICE_LOST'],
    [webgpu, 'WebGPU device lost (2): the device was destroyed'],
  ])('that is lost: %#', (provider, message) => {
    const error = deviceError(provider, message)!;
    expect(error.exhausted).toBe(false);
    expect(error.message).toContain('the WebGPU device is lost');
  });

  test('is none on the CPU, or for what is a mistake of ours', () => {
    expect(deviceError(undefined, 'out of memory')).toBeUndefined();
    expect(deviceError(webgpu, 'Non-zero status code returned while running Gather node')).toBeUndefined();
  });
});

test('CUDA is told which card, to take no more memory than asked for, and to multiply in float32', () => {
  expect(cuda).toMatchObject({ name: 'CUDA', memory: 'Cuda', id: 1 });
  expect(Object.fromEntries(cuda.options)).toEqual({
    device_id: '1',
    arena_extend_strategy: 'kSameAsRequested',
    use_tf32: '0',
  });
});
