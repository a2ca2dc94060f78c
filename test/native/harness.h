// What the native tests share: counted checks, seeded inputs at deliberately odd addresses, kernels run under
// several chunk orders and thread counts whose bits must agree, and one run per instruction set of this CPU.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <functional>
#include <string>
#include <vector>

#include "ops/kernels.h"

namespace test {

/// Counts and, on failure, prints the check.
void check(bool ok, const std::string& what);

/// Checks |got - want| <= absolute + relative * |want| for every element (NaN equals NaN), under one name.
void check_close(const std::string& what, const float* got, const std::vector<double>& want, double relative,
                 double absolute);

bool same_bits(const std::vector<float>& a, const std::vector<float>& b);

/// A buffer of n floats whose first element lies `offset` floats after an aligned address, followed by a
/// guard that must stay untouched.
class Floats {
 public:
  Floats(int64_t n, int offset)
      : n_(n), offset_(offset), storage_(static_cast<size_t>(n + offset + 1), kGuard) {}
  float* data() { return storage_.data() + offset_; }
  float& operator[](int64_t i) { return data()[i]; }
  int64_t size() const { return n_; }
  bool guarded() const { return storage_.back() == kGuard && (offset_ == 0 || storage_.front() == kGuard); }
  std::vector<float> copy() { return {data(), data() + n_}; }
  /// Standard normal numbers times `scale`, of the seed.
  Floats& fill(uint64_t seed, double scale = 1);

 private:
  static constexpr float kGuard = 12345.5f;
  int64_t n_;
  int offset_;
  std::vector<float> storage_;
};

/// How chunks are handed out: in order, backwards, or by several threads at once.
enum class Order { kForward, kBackward, kThreads };
constexpr Order kOrders[] = {Order::kForward, Order::kBackward, Order::kThreads};

void for_chunks(Order order, int64_t count, const std::function<void(int64_t)>& body);

template <class Args>
void run(Order order, void (*kernel)(const Args&, int64_t), const Args& args, int64_t count) {
  for_chunks(order, count, [&](int64_t chunk) { kernel(args, chunk); });
}
template <class Args>
void run(Order order, void (*kernel)(const Args&, int64_t), const Args& args) {
  run(order, kernel, args, chunks(args));
}

/// Each chunk with scratch of its own, of just the length it asks for, which holds NaNs.
template <class Args>
void run_with_scratch(Order order, void (*kernel)(const Args&, int64_t), const Args& args) {
  for_chunks(order, chunks(args), [&](int64_t chunk) {
    std::vector<float> memory(static_cast<size_t>(scratch_floats(args)), NAN);
    Args own = args;
    set_scratch(own, memory.data());
    kernel(own, chunk);
  });
}

/// The instruction set under test.
struct Target {
  std::string name;
  const ortune::Kernels& kernels;
};

/// Runs `produce(order, offset)`, which fills and returns all outputs, for each order and address offset,
/// checks that all agree to the bit, and returns the first.
std::vector<float> stable(const std::string& what,
                          const std::function<std::vector<float>(Order, int)>& produce);

void test_math();
void test_elementwise(const Target& target);
void test_rows(const Target& target);
void test_embedding(const Target& target);
void test_attention(const Target& target);
void test_decoder(const Target& target);
void test_cross_entropy(const Target& target);
void test_batch_norm(const Target& target);
void test_gemm(const Target& target);
void test_gemm_bf16(const Target& target);
void test_conv(const Target& target);
void test_depthwise(const Target& target);
void test_pool(const Target& target);
void test_recurrent(const Target& target);
void test_render(const Target& target);
void test_colour(const Target& target);
void test_mix(const Target& target);
void test_colour_programs();
void test_optimizers(const Target& target);

}  // namespace test
