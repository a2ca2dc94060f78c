// Runs every native test for every instruction set of this CPU; the last line is the count.
#include <stdio.h>

#include <atomic>
#include <random>
#include <thread>

#include "harness.h"

namespace test {

static int passed = 0, failed = 0;

void check(bool ok, const std::string& what) {
  ++(ok ? passed : failed);
  if (!ok) printf("FAILED %s\n", what.c_str());
}

void check_close(const std::string& what, const float* got, const std::vector<double>& want, double relative,
                 double absolute) {
  for (size_t i = 0; i < want.size(); ++i) {
    const double error = fabs(got[i] - want[i]);
    if (error <= absolute + relative * fabs(want[i]) || (isnan(want[i]) && isnan(got[i]))) continue;
    char text[200];
    snprintf(text, sizeof text, "%s: element %zu of %zu is %.9g, expected %.9g", what.c_str(), i, want.size(),
             static_cast<double>(got[i]), want[i]);
    return check(false, text);
  }
  check(true, what);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

Floats& Floats::fill(uint64_t seed, double scale) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal;
  for (int64_t i = 0; i < n_; ++i) data()[i] = static_cast<float>(normal(bits) * scale);
  return *this;
}

void for_chunks(Order order, int64_t count, const std::function<void(int64_t)>& body) {
  if (order == Order::kForward) {
    for (int64_t i = 0; i < count; ++i) body(i);
  } else if (order == Order::kBackward) {
    for (int64_t i = count - 1; i >= 0; --i) body(i);
  } else {
    std::atomic<int64_t> next{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&] {
        for (int64_t i; (i = next++) < count;) body(i);
      });
    for (std::thread& thread : threads) thread.join();
  }
}

std::vector<float> stable(const std::string& what,
                          const std::function<std::vector<float>(Order, int)>& produce) {
  const std::vector<float> first = produce(Order::kForward, 0);
  bool same = true;
  for (Order order : kOrders)
    for (int offset : {0, 1, 3}) same = same && same_bits(first, produce(order, offset));
  check(same, what + ": same bits for any order, thread and alignment");
  return first;
}

}  // namespace test

int main() {
  test::test_math();
  test::test_colour_programs();
  for (ortune::Isa isa : ortune::kAllIsas) {
    const ortune::Kernels* kernels = ortune::kernels_for(isa);
    if (!kernels) {
      printf("%s: NOT TESTED, since this machine has not got it\n", ortune::isa_name(isa));
      continue;
    }
    const test::Target target{ortune::isa_name(isa), *kernels};
    test::test_gemm_bf16(target);
    if (isa == ortune::Isa::kAvx512Bf16) continue;  // all other kernels are AVX-512's
    test::test_elementwise(target);
    test::test_rows(target);
    test::test_embedding(target);
    test::test_attention(target);
    test::test_decoder(target);
    test::test_cross_entropy(target);
    test::test_batch_norm(target);
    test::test_gemm(target);
    test::test_conv(target);
    test::test_depthwise(target);
    test::test_pool(target);
    test::test_recurrent(target);
    test::test_render(target);
    test::test_colour(target);
    test::test_mix(target);
    test::test_optimizers(target);
    printf("%s: done\n", ortune::isa_name(isa));
  }
  printf("%d passed, %d failed\n", test::passed, test::failed);
  return test::failed == 0 ? 0 : 1;
}
