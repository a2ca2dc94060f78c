// The vector functions themselves, at the baseline width; wider sets run the same source and are tested
// through the kernels. Every float32 in reach is not needed: 200,000 points per function.
#define ORTUNE_ISA under_test
#define ORTUNE_VECTOR_BYTES 16
#include "simd/math.h"

#include "harness.h"

namespace test {

using namespace ortune::under_test;

template <class F, class Reference>
static void sweep(const std::string& what, double low, double high, double relative, F f,
                  Reference reference) {
  double worst = 0;
  const int points = 200000;
  for (int i = 0; i <= points; ++i) {
    const float x = static_cast<float>(low + (high - low) * i / points);
    const double got = f(set(x))[0], want = reference(static_cast<double>(x));
    worst = fmax(worst, fabs(got / want - 1));
  }
  check(worst <= relative, what + ": worst relative error " + std::to_string(worst * 1e7) + "e-7");
}

void test_math() {
  sweep(
      "exp", -87.2, 88.2, 2.5e-7, [](F32 x) { return exp(x); }, [](double x) { return ::exp(x); });
  sweep(
      "scaled_gaussian_tail", 0, 13.5, 6e-7, [](F32 a) { return scaled_gaussian_tail(a); },
      [](double a) { return erfc(a / sqrt(2.0)) * ::exp(a * a / 2) / 2; });
  sweep(
      "tanh", -10, 10, 3e-7, [](F32 x) { return x[0] == 0 ? set(1.0f) : tanh(x); },
      [](double x) { return x == 0 ? 1 : ::tanh(x); });
  sweep(
      "sigmoid", -80, 80, 4e-7, [](F32 x) { return sigmoid(x); },
      [](double x) { return 1 / (1 + ::exp(-x)); });
  check(tanh(set(INFINITY))[0] == 1 && tanh(set(-INFINITY))[0] == -1, "tanh of infinities");
  check(isnan(tanh(set(NAN))[0]) && isnan(sigmoid(set(NAN))[0]), "tanh and sigmoid of NaN are NaN");
  check(isnan(exp(set(NAN))[0]), "exp of NaN is NaN");
  check(exp(set(-INFINITY))[0] < 2e-38f && exp(set(-INFINITY))[0] >= 0, "exp of -infinity vanishes");
  check(add_lanes(F32{1, 2, 3, 4}) == 10, "add_lanes");
  check(narrow(widen(F32{1, 2, 3, 4}))[3] == 4, "widen and narrow");
}

}  // namespace test
