// The matrix product for operands larger than the caches, at any strides, against plain sums in double
// precision.
#include "ops/gemm.h"

#include "harness.h"

namespace test {

using namespace ortune;

namespace {

struct Sizes {
  int64_t rows, columns, depth;
};

void test_case(const Target& target, Sizes s, bool of_a, bool of_b, bool with_bias) {
  const std::string what = target.name + " gemm " + std::to_string(s.rows) + "x" + std::to_string(s.columns) +
                           "x" + std::to_string(s.depth) + (of_a ? " A transposed" : "") +
                           (of_b ? " B transposed" : "") + (with_bias ? " bias" : "");
  const auto produce = [&](Order order, int offset) {
    Floats a(s.rows * s.depth, offset), b(s.depth * s.columns, offset), bias(s.columns, offset),
        c(s.rows * s.columns, offset);
    a.fill(1);
    b.fill(2);
    bias.fill(3);
    Gemm args{};
    args.a = of_a ? Matrix{a.data(), 1, s.rows} : Matrix{a.data(), s.depth, 1};
    args.b = of_b ? Matrix{b.data(), 1, s.depth} : Matrix{b.data(), s.columns, 1};
    args.c = c.data();
    args.rows = s.rows;
    args.columns = s.columns;
    args.depth = s.depth;
    args.bias = with_bias ? bias.data() : nullptr;
    Floats packed(packed_floats(args), offset), partials(partial_floats(args), offset);
    args.packed = packed.data();
    args.partials = partials.data();
    run(order, target.kernels.gemm_pack, args, pack_chunks(args));
    run_with_scratch(order, target.kernels.gemm, args);
    run(order, target.kernels.gemm_total, args, total_chunks(args));
    check(c.guarded() && packed.guarded() && partials.guarded(), what + ": writes its range only");
    return c.copy();
  };
  const std::vector<float> got = stable(what, produce);
  Floats a(s.rows * s.depth, 0), b(s.depth * s.columns, 0), bias(s.columns, 0);
  a.fill(1);
  b.fill(2);
  bias.fill(3);
  std::vector<double> want(static_cast<size_t>(s.rows * s.columns));
  for (int64_t i = 0; i < s.rows; ++i)
    for (int64_t j = 0; j < s.columns; ++j) {
      double sum = with_bias ? bias[j] : 0;
      for (int64_t k = 0; k < s.depth; ++k)
        sum += static_cast<double>(a[of_a ? k * s.rows + i : i * s.depth + k]) *
               b[of_b ? j * s.depth + k : k * s.columns + j];
      want[static_cast<size_t>(i * s.columns + j)] = sum;
    }
  check_close(what, got.data(), want, 1e-6, 1e-6 + 2e-7 * static_cast<double>(s.depth));
}

}  // namespace

void test_gemm(const Target& target) {
  // One element, none, tails of every panel, several blocks of rows, columns and depth, parts of the depth.
  const Sizes sizes[] = {{1, 1, 1},      {1, 3, 0},      {0, 5, 7},     {4, 0, 9},     {5, 17, 31},
                         {33, 49, 34},   {96, 96, 64},   {97, 193, 33}, {700, 40, 50}, {610, 65, 800},
                         {40, 50, 1100}, {65, 33, 3000}, {400, 410, 20}};
  for (Sizes s : sizes)
    for (bool of_a : {false, true})
      for (bool of_b : {false, true}) test_case(target, s, of_a, of_b, of_a == of_b);
}

}  // namespace test
