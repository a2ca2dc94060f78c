#include "ort/platform.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
// windows.h must come first
#include <psapi.h>
#else
#include <dlfcn.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#else
#include <link.h>
#endif
#endif

#if defined(__SSE2__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace ort::platform {
namespace {

const int anchor = 0;  // any address inside this module

void collect(const std::string& path, const std::string& stem, std::vector<std::string>* found) {
  const size_t slash = path.find_last_of("/\\");
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const bool ours = name.rfind(stem, 0) == 0 || name.rfind("lib" + stem, 0) == 0;
  const bool addon = name.size() > 5 && name.compare(name.size() - 5, 5, ".node") == 0;
  // Execution providers (libonnxruntime_providers_cuda.so …) belong to the runtime beside them.
  if (!ours || addon || name.find("_providers_") != std::string::npos) return;
  if (std::find(found->begin(), found->end(), path) == found->end()) found->push_back(path);
}

}  // namespace

#if defined(_WIN32)

static std::wstring wide(const std::string& text) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0);
  std::wstring out(length, L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), &out[0], length);
  return out;
}

void* open_symbol(const std::string& path, const char* symbol) {
  HMODULE module = LoadLibraryExW(wide(path).c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
  if (module == nullptr)
    throw std::runtime_error("cannot load " + path + " (Windows error " + std::to_string(GetLastError()) +
                             ")");
  void* address = reinterpret_cast<void*>(GetProcAddress(module, symbol));
  if (address == nullptr) throw std::runtime_error(path + " does not export " + symbol);
  return address;
}

void pin_this_module() {
  HMODULE module = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                     reinterpret_cast<LPCWSTR>(&anchor), &module);
}

std::vector<std::string> loaded_modules(const std::string& stem) {
  HMODULE modules[1024];
  DWORD bytes = 0;
  std::vector<std::string> found;
  if (!EnumProcessModules(GetCurrentProcess(), modules, sizeof(modules), &bytes)) return found;
  const size_t count = std::min<size_t>(bytes / sizeof(HMODULE), 1024);
  for (size_t i = 0; i < count; i++) {
    char path[MAX_PATH];
    if (GetModuleFileNameA(modules[i], path, MAX_PATH) != 0) collect(path, stem, &found);
  }
  return found;
}

#else

void* open_symbol(const std::string& path, const char* symbol) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  void* address = dlsym(library, symbol);
  if (address == nullptr) throw std::runtime_error(path + " does not export " + symbol);
  return address;
}

void pin_this_module() {
  Dl_info info;
  if (dladdr(&anchor, &info) != 0) dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

#if defined(__APPLE__)
std::vector<std::string> loaded_modules(const std::string& stem) {
  std::vector<std::string> found;
  for (uint32_t i = 0; i < _dyld_image_count(); i++) {
    const char* path = _dyld_get_image_name(i);
    if (path != nullptr) collect(path, stem, &found);
  }
  return found;
}
#else
std::vector<std::string> loaded_modules(const std::string& stem) {
  struct Search {
    const std::string& stem;
    std::vector<std::string> found;
  } search{stem, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto* s = static_cast<Search*>(data);
        if (info->dlpi_name != nullptr) collect(info->dlpi_name, s->stem, &s->found);
        return 0;
      },
      &search);
  return search.found;
}
#endif
#endif

void flush_denormals() {
#if defined(__SSE2__) || defined(_M_X64)
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  _mm_setcsr(_mm_getcsr() | kFlushToZero | kDenormalsAreZero);
#elif defined(__aarch64__) && !defined(_MSC_VER)
  constexpr uint64_t kFlushToZero = uint64_t{1} << 24;
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  __asm__ volatile("msr fpcr, %0" : : "r"(control | kFlushToZero));
#endif
}

void release_free_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace ort::platform
