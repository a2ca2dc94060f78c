// A Vulkan driver for tests, between the loader and a driver that computes on the CPU (ORTUNE_TEST_DRIVER
// names its library). It passes everything on and changes this: it grants two features of images without
// which Dawn refuses lavapipe and which no compute shader uses, and lowers two limits that Dawn would lower
// itself, saying so on stderr; it loses the device after some submissions; it refuses memory beyond a limit.
// What it is told by, see driver.ts. It is no layer, since those need a manifest in a folder of the system's.

#include <dlfcn.h>
#include <unistd.h>
#include <vulkan/vulkan.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <type_traits>

namespace {

using GetProc = PFN_vkVoidFunction(VKAPI_PTR*)(VkInstance, const char*);
using Negotiate = VkResult(VKAPI_PTR*)(uint32_t*);

template <class F>
F symbol(const char* name) {
  static void* const library = dlopen(std::getenv("ORTUNE_TEST_DRIVER"), RTLD_NOW | RTLD_LOCAL);
  return library == nullptr ? nullptr : reinterpret_cast<F>(dlsym(library, name));
}

PFN_vkVoidFunction of_driver(VkInstance instance, const char* name) {
  static const GetProc get = symbol<GetProc>("vk_icdGetInstanceProcAddr");
  return get == nullptr ? nullptr : get(instance, name);
}

// The driver's own functions, the same for all of its instances.
struct Next {
  PFN_vkGetPhysicalDeviceFeatures get_features;
  PFN_vkGetPhysicalDeviceFeatures2 get_features2;
  PFN_vkGetPhysicalDeviceProperties get_properties;
  PFN_vkGetPhysicalDeviceProperties2 get_properties2;
  PFN_vkCreateDevice create_device;
  PFN_vkGetDeviceProcAddr get_device_proc;
  PFN_vkQueueSubmit submit;
  PFN_vkAllocateMemory allocate;
  PFN_vkFreeMemory free;
} next;

VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo* info,
                                               const VkAllocationCallbacks* callbacks, VkInstance* out) {
  const auto create = reinterpret_cast<PFN_vkCreateInstance>(of_driver(nullptr, "vkCreateInstance"));
  const VkResult result = create == nullptr ? VK_ERROR_INITIALIZATION_FAILED : create(info, callbacks, out);
  if (result != VK_SUCCESS) return result;
  const auto take = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(of_driver(*out, name));
  };
  take(next.get_features, "vkGetPhysicalDeviceFeatures");
  take(next.get_features2, "vkGetPhysicalDeviceFeatures2");
  take(next.get_properties, "vkGetPhysicalDeviceProperties");
  take(next.get_properties2, "vkGetPhysicalDeviceProperties2");
  take(next.create_device, "vkCreateDevice");
  take(next.get_device_proc, "vkGetDeviceProcAddr");
  take(next.submit, "vkQueueSubmit");
  take(next.allocate, "vkAllocateMemory");
  take(next.free, "vkFreeMemory");
  return VK_SUCCESS;
}

// What the device is said to have.

void grant(VkPhysicalDeviceFeatures& features) {
  features.shaderSampledImageArrayDynamicIndexing = VK_TRUE;
  features.shaderStorageImageArrayDynamicIndexing = VK_TRUE;
}

void withhold(VkPhysicalDeviceFeatures& asked, const VkPhysicalDeviceFeatures& has) {
  asked.shaderSampledImageArrayDynamicIndexing &= has.shaderSampledImageArrayDynamicIndexing;
  asked.shaderStorageImageArrayDynamicIndexing &= has.shaderStorageImageArrayDynamicIndexing;
}

VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice device, VkPhysicalDeviceFeatures* features) {
  next.get_features(device, features);
  grant(*features);
}

VKAPI_ATTR void VKAPI_CALL get_features2(VkPhysicalDevice device, VkPhysicalDeviceFeatures2* features) {
  next.get_features2(device, features);
  grant(features->features);
}

void lower(VkPhysicalDeviceLimits& limits) {
  constexpr uint32_t most = 16;
  limits.maxDescriptorSetUniformBuffersDynamic = std::min(limits.maxDescriptorSetUniformBuffersDynamic, most);
  limits.maxDescriptorSetStorageBuffersDynamic = std::min(limits.maxDescriptorSetStorageBuffersDynamic, most);
}

VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice device, VkPhysicalDeviceProperties* properties) {
  next.get_properties(device, properties);
  lower(properties->limits);
}

VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice device, VkPhysicalDeviceProperties2* properties) {
  next.get_properties2(device, properties);
  lower(properties->properties.limits);
}

VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo* info,
                                             const VkAllocationCallbacks* callbacks, VkDevice* out) {
  VkPhysicalDeviceFeatures has;
  next.get_features(physical, &has);
  VkDeviceCreateInfo create = *info;
  VkPhysicalDeviceFeatures enabled;
  if (info->pEnabledFeatures != nullptr) {
    withhold(enabled = *info->pEnabledFeatures, has);
    create.pEnabledFeatures = &enabled;
  }
  // The caller's structures are chained and cannot be replaced one by one: changed for the time of the call.
  VkPhysicalDeviceFeatures2* chained = nullptr;
  for (auto* item = static_cast<VkBaseOutStructure*>(const_cast<void*>(info->pNext)); item != nullptr;
       item = item->pNext)
    if (item->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2)
      chained = reinterpret_cast<VkPhysicalDeviceFeatures2*>(item);
  VkPhysicalDeviceFeatures before;
  if (chained != nullptr) {
    before = chained->features;
    withhold(chained->features, has);
  }
  const VkResult result = next.create_device(physical, &create, callbacks, out);
  if (chained != nullptr) chained->features = before;
  return result;
}

// The failures.

int64_t number(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? -1 : std::atoll(text);
}

// Whether failures are due: from the start, or since the file ORTUNE_TEST_WHEN exists.
bool due() {
  static const char* const file = std::getenv("ORTUNE_TEST_WHEN");
  static std::atomic<bool> exists{file == nullptr};
  if (!exists && access(file, F_OK) == 0) exists = true;
  return exists;
}

VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue queue, uint32_t count, const VkSubmitInfo* infos,
                                      VkFence fence) {
  static const int64_t limit = number("ORTUNE_TEST_LOST_AFTER");
  static std::atomic<int64_t> submitted{0};
  if (limit >= 0 && due() && submitted++ >= limit) return VK_ERROR_DEVICE_LOST;
  return next.submit(queue, count, infos, fence);
}

std::mutex mutex;
std::map<VkDeviceMemory, int64_t> sizes;
int64_t used = 0;

VKAPI_ATTR VkResult VKAPI_CALL allocate(VkDevice device, const VkMemoryAllocateInfo* info,
                                        const VkAllocationCallbacks* callbacks, VkDeviceMemory* out) {
  static const int64_t limit = number("ORTUNE_TEST_MEMORY_MB") * 1000000;
  const auto size = static_cast<int64_t>(info->allocationSize);
  const std::lock_guard<std::mutex> lock(mutex);
  if (limit >= 0 && due() && used + size > limit) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  const VkResult result = next.allocate(device, info, callbacks, out);
  if (result == VK_SUCCESS) used += sizes[*out] = size;
  return result;
}

VKAPI_ATTR void VKAPI_CALL free_memory(VkDevice device, VkDeviceMemory memory,
                                       const VkAllocationCallbacks* callbacks) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (const auto found = sizes.find(memory); found != sizes.end()) {
    used -= found->second;
    sizes.erase(found);
  }
  next.free(device, memory, callbacks);
}

template <class F>
PFN_vkVoidFunction any(F function) {
  return reinterpret_cast<PFN_vkVoidFunction>(function);
}

PFN_vkVoidFunction own_of_device(const std::string& name) {
  if (name == "vkQueueSubmit") return any(submit);
  if (name == "vkAllocateMemory") return any(allocate);
  if (name == "vkFreeMemory") return any(free_memory);
  return nullptr;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc(VkDevice device, const char* name) {
  const PFN_vkVoidFunction own = own_of_device(name);
  return own != nullptr ? own : next.get_device_proc(device, name);
}

PFN_vkVoidFunction own_of_physical_device(const std::string& name) {
  if (name == "vkGetPhysicalDeviceFeatures") return any(get_features);
  if (name == "vkGetPhysicalDeviceFeatures2" || name == "vkGetPhysicalDeviceFeatures2KHR")
    return any(get_features2);
  if (name == "vkGetPhysicalDeviceProperties") return any(get_properties);
  if (name == "vkGetPhysicalDeviceProperties2" || name == "vkGetPhysicalDeviceProperties2KHR")
    return any(get_properties2);
  return nullptr;
}

PFN_vkVoidFunction own_of_instance(const std::string& name) {
  if (name == "vkCreateInstance") return any(create_instance);
  if (name == "vkCreateDevice") return any(create_device);
  if (name == "vkGetDeviceProcAddr") return any(get_device_proc);
  const PFN_vkVoidFunction own = own_of_physical_device(name);
  return own != nullptr ? own : own_of_device(name);
}

}  // namespace

extern "C" {

VKAPI_ATTR VkResult VKAPI_CALL vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t* version) {
  const auto negotiate = symbol<Negotiate>("vk_icdNegotiateLoaderICDInterfaceVersion");
  return negotiate == nullptr ? VK_ERROR_INCOMPATIBLE_DRIVER : negotiate(version);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetInstanceProcAddr(VkInstance instance, const char* name) {
  const PFN_vkVoidFunction own = own_of_instance(name);
  return own != nullptr ? own : of_driver(instance, name);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetPhysicalDeviceProcAddr(VkInstance instance,
                                                                         const char* name) {
  static const GetProc get = symbol<GetProc>("vk_icdGetPhysicalDeviceProcAddr");
  const PFN_vkVoidFunction own = own_of_physical_device(name);
  if (own != nullptr) return own;
  return get == nullptr ? nullptr : get(instance, name);
}

}  // extern "C"
