// What the timings share: the median and best of several runs with one thread and with all, and kernels as
// phases of a measurement.
#pragma once

#include <stdio.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "ops/kernels.h"

namespace timings {

using namespace ortune;

struct Seconds {
  double median, best;
};

/// The buffers are larger than the caches only where the step's are.
inline Seconds measure(const std::function<void()>& body) {
  std::vector<double> seconds;
  for (int i = 0; i < 3; ++i) body();
  for (int i = 0; i < 15; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds[0]};
}

using Body = std::function<void(int64_t)>;

inline void for_chunks(int threads, int64_t count, const Body& body) {
  std::atomic<int64_t> next{0};
  const auto work = [&] {
    for (int64_t i; (i = next++) < count;) body(i);
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

struct Phase {
  int64_t chunks;
  Body body;
};

/// `amount` is in bytes, or in floating-point operations.
inline void report(const char* name, double amount, const std::vector<Phase>& phases,
                   const char* unit = "B") {
  printf("%-28s %7.1f M%-4s", name, amount / 1e6, unit);
  for (int threads : {1, static_cast<int>(std::thread::hardware_concurrency())}) {
    const Seconds seconds = measure([&] {
      for (const Phase& phase : phases) for_chunks(threads, phase.chunks, phase.body);
    });
    printf("   %7.3f %7.3f ms %6.1f G%s/s", seconds.median * 1e3, seconds.best * 1e3,
           amount / seconds.best / 1e9, unit);
  }
  printf("\n");
}

template <class Args>
Phase phase(void (*kernel)(const Args&, int64_t), const Args& args, int64_t count) {
  return {count, [=](int64_t chunk) { kernel(args, chunk); }};
}
template <class Args>
Phase phase(void (*kernel)(const Args&, int64_t), const Args& args) {
  return phase(kernel, args, chunks(args));
}

template <class Args>
Phase scratch_phase(void (*kernel)(const Args&, int64_t), const Args& args) {
  return {chunks(args), [=](int64_t chunk) {
            thread_local std::vector<float> memory;
            memory.resize(std::max(memory.size(), static_cast<size_t>(scratch_floats(args))));
            Args own = args;
            set_scratch(own, memory.data());
            kernel(own, chunk);
          }};
}

inline std::vector<float> numbers(int64_t n) {
  std::vector<float> v(static_cast<size_t>(n));
  uint32_t z = 1;
  for (float& x : v) x = static_cast<float>(static_cast<int32_t>(z = z * 1664525u + 1013904223u)) * 1e-9f;
  return v;
}

/// Convolutions and pooling, in image_timings.cc.
void time_images(const Kernels& kernels);

}  // namespace timings
