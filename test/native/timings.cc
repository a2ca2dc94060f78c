// Throughput of each kernel on the sizes of an encoder step (6 layers x 384, 12 heads, feed-forward 1536,
// batch 16 x 128 tokens), and of image networks (image_timings.cc), beside memcpy over as many bytes: a
// kernel at memory speed moves as much. One thread and all threads; bytes are those read and written once.
// Not a test: run it with `node scripts/native-test.mjs --timings`.
#include "timings.h"

#include <stdio.h>
#include <string.h>

#include <string>
#include <vector>

#include "ops/attention.h"
#include "ops/gemm.h"
#include "optim/update.h"

namespace timings {
namespace {

/// A head of 32 at two lengths and a head of 64, without and with dropout. The products alone are counted:
/// two forward, five backward.
void time_attention(const Kernels& k) {
  const struct {
    int64_t batch, heads, length, d;
  } sizes[] = {{16, 12, 128, 32}, {4, 12, 512, 64}};
  for (auto s : sizes) {
    const int64_t n = s.batch * s.heads * s.length * s.d;
    const std::vector<float> q = numbers(n), mask(static_cast<size_t>(s.batch * s.length));
    std::vector<float> y(q), dq(q), dk(q), dv(q),
        stats(static_cast<size_t>(2 * s.batch * s.heads * s.length));
    const double product = 2.0 * static_cast<double>(n * s.length);
    for (uint32_t threshold : {0u, 429496736u}) {
      const std::string of =
          std::to_string(s.length) + "x" + std::to_string(s.d) + (threshold ? " dropout" : "");
      const Attention a{q.data(),  q.data(),     q.data(), mask.data(), {s.length, 0, 0, 1},
                        y.data(),  stats.data(), s.batch,  s.heads,     s.heads,
                        s.length,  s.length,     s.d,      0.2f,        1,
                        threshold, 1.1f,         nullptr};
      const AttentionGrad grad{a, q.data(), dq.data(), dk.data(), dv.data()};
      report(("Attention " + of).c_str(), 2 * product, {scratch_phase(k.attention, a)}, "FLOP");
      report(("AttentionGrad " + of).c_str(), 5 * product, {scratch_phase(k.attention_grad, grad)}, "FLOP");
    }
  }
}

/// The products of layers [tokens, in] to [tokens, out]: y, dx and dw.
void time_products(const Kernels& k) {
  const struct {
    int64_t tokens, in, out;
  } layers[] = {{3152, 192, 192}, {3152, 192, 576},  {3152, 192, 768},  {3152, 768, 192},
                {2048, 384, 384}, {2048, 384, 1536}, {2048, 2048, 2048}};
  for (auto s : layers) {
    const std::vector<float> x = numbers(s.tokens * s.in), w = numbers(s.in * s.out),
                             dy = numbers(s.tokens * s.out);
    std::vector<float> y(dy), dx(x), dw(w);
    const auto time = [&](const char* part, Gemm a) {
      std::vector<float> packed(static_cast<size_t>(packed_floats(a) + 1)),
          partials(static_cast<size_t>(partial_floats(a) + 1));
      a.packed = packed.data();
      a.partials = partials.data();
      const std::string name = std::string("Gemm ") + part + " " + std::to_string(s.tokens) + "x" +
                               std::to_string(s.in) + "x" + std::to_string(s.out);
      report(name.c_str(), 2.0 * static_cast<double>(a.rows * a.columns * a.depth),
             {phase(k.gemm_pack, a, pack_chunks(a)), scratch_phase(k.gemm, a),
              phase(k.gemm_total, a, total_chunks(a))},
             "FLOP");
    };
    const Matrix of_x{x.data(), s.in, 1}, of_w{w.data(), s.out, 1}, of_dy{dy.data(), s.out, 1};
    const auto t = [](Matrix m) { return Matrix{m.data, m.column, m.row}; };
    time("y", {of_x, of_w, y.data(), s.tokens, s.out, s.in, w.data(), nullptr, nullptr, nullptr});
    time("dx", {of_dy, t(of_w), dx.data(), s.tokens, s.in, s.out, nullptr, nullptr, nullptr, nullptr});
    time("dw", {t(of_x), of_dy, dw.data(), s.in, s.out, s.tokens, nullptr, nullptr, nullptr, nullptr});
  }
}

void time_set(const Kernels& k) {
  time_products(k);
  time_attention(k);
  const int64_t tokens = 2048, C = 384, F = 1536, n = tokens * F, vocabulary = 30522, parameters = 22 << 20;
  std::vector<float> a = numbers(parameters), b = numbers(parameters), c = numbers(parameters),
                     d = numbers(parameters), out(static_cast<size_t>(2 * kMaxPartials * F));
  for (float& x : d) x *= x;
  const double f = sizeof(float);
  report("memcpy", 2 * f * n, {{ceil_div(n, kChunkElements), [&](int64_t i) {
                                  memcpy(c.data() + i * kChunkElements, a.data() + i * kChunkElements,
                                         kChunkElements * sizeof(float));
                                }}});
  for (bool tanh : {false, true})
    report(tanh ? "GeluGrad tanh" : "GeluGrad erf", 3 * f * n,
           {phase(k.gelu_grad, GeluGrad{a.data(), b.data(), c.data(), n, tanh})});
  report("Dropout", 2 * f * n, {phase(k.dropout, Dropout{a.data(), c.data(), n, 99, 429496736u, 1.1f})});
  const int64_t rows = 16 * 12 * 128, T = 128;
  report("SoftmaxGrad", 3 * f * rows * T,
         {phase(k.softmax_grad, SoftmaxGrad{a.data(), b.data(), c.data(), rows, T, 0.1f})});
  report("LogSoftmaxGrad", 3 * f * rows * T,
         {phase(k.log_softmax_grad, LogSoftmaxGrad{a.data(), b.data(), c.data(), rows, T})});
  const LayerNormGrad norm{a.data(), b.data(), d.data(), c.data(), out.data(), tokens, C, 1e-5f};
  std::vector<float> sums(static_cast<size_t>(F));
  report("LayerNormalizationGrad", 3 * f * tokens * C,
         {phase(k.layer_norm_grad, norm),
          phase(k.add_partials, AddPartials{out.data(), sums.data(), chunks(norm), 2 * C, C}),
          phase(k.add_partials, AddPartials{out.data() + C, sums.data(), chunks(norm), 2 * C, C})});
  const BiasGrad bias{a.data(), out.data(), tokens, F};
  report("BiasGrad", f * n,
         {phase(k.bias_grad, bias),
          phase(k.add_partials, AddPartials{out.data(), sums.data(), chunks(bias), F, F})});
  std::vector<int32_t> indices;
  for (int64_t m = 0; m < tokens; ++m) indices.push_back(static_cast<int32_t>(m * 7919 % vocabulary));
  const EmbeddingGrad table{a.data(), indices.data(), false, c.data(), tokens, vocabulary, C};
  report(
      "EmbeddingGrad words", f * (vocabulary * C + 2 * tokens * C),
      {phase(k.embedding_zero, table, zero_chunks(table)), phase(k.embedding_add, table, add_chunks(table))});
  std::fill(indices.begin(), indices.end(), 1);
  const EmbeddingGrad types{a.data(), indices.data(), false, c.data(), tokens, 2, C};
  report(
      "EmbeddingGrad token types", f * tokens * C,
      {phase(k.embedding_zero, types, zero_chunks(types)), phase(k.embedding_add, types, add_chunks(types))});
  const int64_t N = 512;
  std::vector<int64_t> labels(static_cast<size_t>(N), 5);
  std::vector<double> row_losses(static_cast<size_t>(N));
  std::vector<float> lse(static_cast<size_t>(N));
  float loss;
  const CrossEntropy ce{a.data(), labels.data(), nullptr,           nullptr, N, vocabulary, -100,
                        0,        lse.data(),    row_losses.data(), &loss};
  report("CrossEntropy", f * N * vocabulary, {phase(k.cross_entropy, ce)});
  report("CrossEntropyGrad", 2 * f * N * vocabulary,
         {phase(k.cross_entropy_grad, CrossEntropyGrad{ce, 1, c.data()})});
  const int64_t ranges[] = {0, parameters};
  int64_t first_chunk[2];
  std::vector<double> squares(static_cast<size_t>(count_chunks(ranges, 1, first_chunk)));
  const float adamw[] = {1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 0.1f, 0.001f, 0};
  const float sgd[] = {1e-3f, 0.9f, 0, 0, 0.01f, 0, 0, 0};
  float gradient_norm = 0;
  Update update{c.data(), b.data(), d.data(), a.data(),       ranges,        first_chunk,
                adamw,    1,        1,        squares.data(), &gradient_norm};
  report("gradient norm", f * parameters, {phase(k.gradient_norm, update)});
  report("AdamW", 7 * f * parameters, {phase(k.adamw, update)});
  update.hyper = sgd;
  report("Sgd momentum", 5 * f * parameters, {phase(k.sgd, update)});
}

}  // namespace
}  // namespace timings

int main() {
  printf("%d threads at most; one thread, then all: median and best of 15, throughput of the best\n",
         static_cast<int>(std::thread::hardware_concurrency()));
  for (ortune::Isa isa : ortune::kAllIsas)
    if (const ortune::Kernels* kernels = ortune::kernels_for(isa)) {
      printf("%s\n", ortune::isa_name(isa));
      timings::time_set(*kernels);
      timings::time_images(*kernels);
    }
}
