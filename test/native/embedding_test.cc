// Embedding gradient: repeated and negative indices, both index types, tables of any width.
#include <random>

#include "harness.h"

namespace test {

using namespace ortune;

template <class Index>
static void test_table(const Target& target, int64_t tokens, int64_t rows, int64_t C, bool wide) {
  const std::string what = target.name + " embedding_grad " + std::to_string(tokens) + " tokens into " +
                           std::to_string(rows) + "x" + std::to_string(C);
  std::mt19937_64 bits(41);
  std::vector<Index> indices;
  for (int64_t m = 0; m < tokens; ++m)
    indices.push_back(
        static_cast<Index>(static_cast<int64_t>(bits() % static_cast<uint64_t>(2 * rows)) - rows));
  const auto produce = [&](Order order, int offset) {
    Floats dy(tokens * C, offset), dw(rows * C, offset);
    dy.fill(42);
    const EmbeddingGrad args{dy.data(), indices.data(), wide, dw.data(), tokens, rows, C};
    run(order, target.kernels.embedding_zero, args, zero_chunks(args));
    run(order, target.kernels.embedding_add, args, add_chunks(args));
    check(dw.guarded(), what + ": writes its range only");
    return dw.copy();
  };
  const std::vector<float> dw = stable(what, produce);
  Floats dy(tokens * C, 0);
  dy.fill(42);
  std::vector<double> want(static_cast<size_t>(rows * C));
  for (int64_t m = 0; m < tokens; ++m) {
    const int64_t row = indices[static_cast<size_t>(m)] < 0
                            ? indices[static_cast<size_t>(m)] + rows
                            : static_cast<int64_t>(indices[static_cast<size_t>(m)]);
    for (int64_t c = 0; c < C; ++c) want[static_cast<size_t>(row * C + c)] += dy[m * C + c];
  }
  check_close(what, dw.data(), want, 1e-6, 1e-5);
}

void test_embedding(const Target& target) {
  for (int64_t C : {1, 3, 7, 17, 33, 64, 130, 384}) {
    test_table<int64_t>(target, 100, 2, C, true);
    test_table<int32_t>(target, 257, 1000, C, false);
    test_table<int64_t>(target, 0, 5, C, true);
  }
}

}  // namespace test
