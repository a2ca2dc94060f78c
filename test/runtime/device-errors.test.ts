// What providers say when memory does not suffice or the device is gone, as people are told; and how the runtime is
// told of a device. The words are the providers' own: WebGPU's from Vulkan drivers that fail, CUDA's from the runtime's
// sources.

import { describe, expect, test } from 'vitest';
import { shown } from '#ortune/quote.js';
import { asDeviceWork, deviceError, reasonIn } from '#ortune/runtime/device-errors.js';
import { providerOf } from '#ortune/runtime/providers.js';

const webgpu = providerOf('webgpu', 0);
const cuda = providerOf('cuda', 1);

/** Said at a download, whose buffer the device lost. */
const download =
  '/onnxruntime_src/onnxruntime/core/providers/webgpu/buffer_manager.cc:641 void onnxruntime::webgpu::BufferManager::Download(WGPUBuffer, void*, size_t) const ' +
  'map_async_result.status == wgpu::MapAsyncStatus::Success was false. Failed to download data from buffer. wgpu::MapAsyncStatus value: 4, message: [Device] is lost.\n';

describe('an error of a device', () => {
  test.each([
    [
      webgpu,
      'WebGPU validation failed. Buffer size (8589934592) exceeds the max buffer size limit (1073741824).\n - While',
      'Buffer size (8589934592) exceeds the max buffer size limit (1073741824)',
    ],
    [
      webgpu,
      'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.\n - While',
      '[Invalid Buffer (unlabeled)] is invalid due to a previous error',
    ],
    [
      webgpu,
      `WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY\nWebGPU validation failed. [Invalid Buffer`,
      'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY',
    ],
    [
      webgpu,
      "Non-zero status code returned while running Cast node. Name:'attention/Cast' Status Message: /src/shader_helper.cc:306 " +
        'onnxruntime::webgpu::ShaderHelper::AddVariableImpl(bool) numbers_storage_buffers_ <= limits_.max was false. ' +
        'Too many storage buffers in shader. Current: 24, Max is 16\n',
      "Cast 'attention/Cast': Too many storage buffers in shader. Current: 24, Max is 16",
    ],
    [
      cuda,
      'CUDA failure 2: out of memory ; GPU=1 ; hostname=a ; file=cuda_call.cc',
      'CUDA failure 2: out of memory ; GPU=1 ; hostname=a ; file=cuda_call.cc',
    ],
    [
      cuda,
      'Failed to allocate memory for requested buffer of size 1073741824',
      'Failed to allocate memory for requested buffer of size 1073741824',
    ],
  ])('of memory: %#', (provider, message, reason) => {
    const error = deviceError(provider, message)!;
    expect(error).toMatchObject({ exhausted: true, lost: false });
    expect(error.message).toBe(`the memory of the ${provider.name} device does not suffice (${reason})`);
  });

  test.each([
    [
      `WebGPU device lost (1): vkQueueSubmit failed with VK_ERROR_DEVICE_LOST\n${download}`,
      'vkQueueSubmit failed with VK_ERROR_DEVICE_LOST',
    ],
    [download, '[Device] is lost'],
  ])('that is lost: %#', (message, reason) => {
    const error = deviceError(webgpu, message)!;
    expect(error).toMatchObject({ exhausted: false, lost: true });
    expect(error.message).toMatch(`the WebGPU device is lost (${reason}): its driver`);
  });

  test('that is lost for want of memory', () => {
    const said = 'WebGPU device lost (1): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY\n - While';
    const error = deviceError(webgpu, said)!;
    expect(error).toMatchObject({ exhausted: true, lost: true });
    expect(error.message).toMatch(
      /does not suffice \(vkAllocateMemory failed with \w+\), and the device is lost with it$/,
    );
  });

  test('is none on the CPU, or for what is a mistake of ours', () => {
    expect(deviceError(undefined, 'out of memory')).toBeUndefined();
    expect(deviceError(webgpu, 'Non-zero status code returned while running Gather node')).toBeUndefined();
  });

  test('of any other kind says what was done, and on a device the reason alone', async () => {
    const fail = (message: string) => () => Promise.reject(new Error(message));
    const said = 'node.cc:7 int f() a == b was false. Shapes differ.\nstack';
    await expect(asDeviceWork(webgpu, 'a run failed', fail(said))).rejects.toThrow(/^a run failed: Shapes differ$/);
    await expect(asDeviceWork(undefined, 'a run failed', fail(said))).rejects.toThrow(`a run failed: ${shown(said)}`);
    expect(reasonIn('[ONNXRuntimeError] : 1 : FAIL : no device.')).toBe('no device');
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
