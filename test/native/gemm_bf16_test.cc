// The matrix product of operands rounded to bfloat16, at any strides, against plain sums of the rounded
// numbers in double precision: sizes around every tile and block, what is not finite, and how numbers are
// rounded.
#include "ops/gemm_bf16.h"

#include "harness.h"

namespace test {

using namespace ortune;

namespace {

/// To the nearest of 8 significant bits, ties to even.
double rounded(float x) {
  if (!isfinite(x)) return x;
  int exponent;
  const double mantissa = frexp(static_cast<double>(x), &exponent);
  const double near = ldexp(nearbyint(ldexp(mantissa, 8)), exponent - 8);
  return fabs(near) < ldexp(1.0, 128) ? near : copysign(INFINITY, near);
}

struct Sizes {
  int64_t rows, columns, depth;
};

/// Runs the kernels over copies of the operands at an offset; `of_a`, `of_b`: read transposed.
std::vector<float> multiply(const Target& target, const std::string& what, Sizes s,
                            const std::vector<float>& a, const std::vector<float>& b, const float* bias,
                            bool of_a, bool of_b) {
  return stable(what, [&](Order order, int offset) {
    Floats left(s.rows * s.depth, offset), right(s.depth * s.columns, offset), of_columns(s.columns, offset),
        c(s.rows * s.columns, offset);
    for (int64_t i = 0; i < left.size(); ++i) left[i] = a[static_cast<size_t>(i)];
    for (int64_t i = 0; i < right.size(); ++i) right[i] = b[static_cast<size_t>(i)];
    for (int64_t i = 0; bias && i < s.columns; ++i) of_columns[i] = bias[i];
    GemmBf16 args{};
    args.a = of_a ? Matrix{left.data(), 1, s.rows} : Matrix{left.data(), s.depth, 1};
    args.b = of_b ? Matrix{right.data(), 1, s.depth} : Matrix{right.data(), s.columns, 1};
    args.c = c.data();
    args.rows = s.rows;
    args.columns = s.columns;
    args.depth = s.depth;
    args.bias = bias ? of_columns.data() : nullptr;
    // Whatever the memory held before: numbers that are none.
    std::vector<uint32_t> packed_left(static_cast<size_t>(left_pairs(args)) + 1, 0xffffffffu),
        packed_right(static_cast<size_t>(right_pairs(args)) + 1, 0xffffffffu);
    args.left = packed_left.data();
    args.right = packed_right.data();
    run(order, target.kernels.gemm_bf16_pack, args, pack_chunks(args));
    run(order, target.kernels.gemm_bf16, args);
    check(c.guarded() && packed_left.back() == 0xffffffffu && packed_right.back() == 0xffffffffu,
          what + ": writes its range only");
    return c.copy();
  });
}

std::vector<float> normal(int64_t n, uint64_t seed) { return Floats(n, 0).fill(seed).copy(); }

void test_case(const Target& target, Sizes s, bool of_a, bool of_b, bool with_bias) {
  const std::string what = target.name + " gemm_bf16 " + std::to_string(s.rows) + "x" +
                           std::to_string(s.columns) + "x" + std::to_string(s.depth) +
                           (of_a ? " A transposed" : "") + (of_b ? " B transposed" : "") +
                           (with_bias ? " bias" : "");
  const std::vector<float> a = normal(s.rows * s.depth, 1), b = normal(s.depth * s.columns, 2),
                           bias = normal(s.columns, 3);
  const std::vector<float> got =
      multiply(target, what, s, a, b, with_bias ? bias.data() : nullptr, of_a, of_b);
  std::vector<double> want(static_cast<size_t>(s.rows * s.columns));
  for (int64_t i = 0; i < s.rows; ++i)
    for (int64_t j = 0; j < s.columns; ++j) {
      double sum = with_bias ? bias[static_cast<size_t>(j)] : 0;
      for (int64_t k = 0; k < s.depth; ++k)
        sum += rounded(a[static_cast<size_t>(of_a ? k * s.rows + i : i * s.depth + k)]) *
               rounded(b[static_cast<size_t>(of_b ? j * s.depth + k : k * s.columns + j)]);
      want[static_cast<size_t>(i * s.columns + j)] = sum;
    }
  check_close(what, got.data(), want, 1e-6, 1e-6 + 2e-7 * static_cast<double>(s.depth));
}

/// x times 1 is what x is rounded to, wherever it stands in its pair and its vector.
void test_rounding(const Target& target) {
  const float numbers[] = {0.0f,     -0.0f,      1.0f,          1.00390625f, -1.00390625f, 1.01171875f,
                           1.00391f, 3.3895e38f, 3.3961775e38f, -3.4e38f,    INFINITY,     -INFINITY,
                           NAN,      1e-30f,     -7.77e-20f,    16777217.0f, 0.3333333f};
  const int64_t count = sizeof numbers / sizeof numbers[0];
  for (int64_t place : {0, 1, 35})
    for (bool transposed : {false, true}) {
      std::vector<float> a(static_cast<size_t>(count * 37)), b(37, 0.0f);
      std::vector<double> want;
      b[static_cast<size_t>(place)] = 1;
      for (int64_t i = 0; i < count; ++i) {
        a[static_cast<size_t>(transposed ? place * count + i : i * 37 + place)] = numbers[i];
        want.push_back(rounded(numbers[i]));
      }
      const std::string what =
          target.name + " gemm_bf16 of special numbers" + (transposed ? " transposed" : "");
      const std::vector<float> got =
          multiply(target, what, {count, 1, 37}, a, b, nullptr, transposed, transposed);
      bool same = true;
      for (size_t i = 0; i < want.size(); ++i)
        same = same && (static_cast<double>(got[i]) == want[i] || (isnan(got[i]) && isnan(want[i])));
      check(same, what);
    }
}

/// A number that is not finite reaches all that it is a factor of, and nothing else.
void test_not_finite(const Target& target) {
  const Sizes s = {19, 53, 41};
  std::vector<float> a = normal(s.rows * s.depth, 1), b = normal(s.depth * s.columns, 2);
  a[static_cast<size_t>(7 * s.depth + 40)] = INFINITY;
  b[static_cast<size_t>(3 * s.columns + 50)] = NAN;
  const std::string what = target.name + " gemm_bf16 of what is not finite";
  const std::vector<float> got = multiply(target, what, s, a, b, nullptr, false, false);
  bool right = true;
  for (int64_t i = 0; i < s.rows; ++i)
    for (int64_t j = 0; j < s.columns; ++j) {
      const float x = got[static_cast<size_t>(i * s.columns + j)];
      right = right && (j == 50 ? isnan(x) : i == 7 ? isinf(x) : isfinite(x));
    }
  check(right, what);
}

}  // namespace

void test_gemm_bf16(const Target& target) {
  // One element, none, tails of tiles, panels and groups, odd depths, several blocks of each.
  const Sizes sizes[] = {{1, 1, 1},      {1, 3, 0},      {0, 5, 7},     {4, 0, 9},
                         {5, 17, 31},    {33, 49, 34},   {8, 48, 64},   {97, 193, 33},
                         {150, 40, 530}, {40, 50, 1100}, {270, 410, 20}};
  for (Sizes s : sizes)
    for (bool of_a : {false, true})
      for (bool of_b : {false, true}) test_case(target, s, of_a, of_b, of_a == of_b);
  test_rounding(target);
  test_not_finite(target);
}

}  // namespace test
