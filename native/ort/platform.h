// The operating system's loader: open a library, keep ourselves loaded, list what is loaded.
#pragma once

#include <string>
#include <vector>

namespace ort::platform {

/// Opens the library at `path` and returns the symbol's address. Throws std::runtime_error with the loader's
/// message.
void* open_symbol(const std::string& path, const char* symbol);

/// Keeps the module that holds this code in memory until the process ends.
void pin_this_module();

/// Full paths of loaded libraries (not Node addons) whose file name starts with `stem` or "lib" + `stem`.
std::vector<std::string> loaded_modules(const std::string& stem);

/// From now on this thread computes with zero for denormal numbers. The momentum of a parameter whose
/// gradient stays zero decays into them, and they are many times slower than others.
void flush_denormals();

/// Gives memory that was freed, but that the C library keeps, back to the system; does nothing where it
/// cannot.
void release_free_memory();

}  // namespace ort::platform
