// Batch normalisation with its activation. Several short rows are read as one long one that is whole vectors,
// with the channels' factors repeated, so that neither few channels nor an odd number of them costs more.
#include "ops/batch_norm.h"

#include "ops/activation.h"

namespace ortune::ORTUNE_ISA {
namespace {

template <int N>
struct Count {
  static constexpr int value = N;
};

/// Repeated factors are at most so long; wider channels are read row by row.
constexpr int64_t kLongest = 1024;
/// Rows added up before they meet the sums in memory.
constexpr int kStep = 4;

/// How many rows are read as one.
int64_t rows_together(int64_t channels, int64_t rows) {
  int64_t together = 1;
  while (channels * together % kLanes != 0 || channels * together < 4 * kLanes) ++together;
  return together * channels <= kLongest && together <= rows ? together : 1;
}

/// Channels' factors, repeated.
struct Repeated {
  float values[kLongest];
  const float* of;
  Repeated(const float* factors, int64_t channels, int64_t times) : of(factors) {
    if (times == 1 || factors == nullptr) return;
    for (int64_t k = 0; k < times; ++k)
      memcpy(values + k * channels, factors, static_cast<size_t>(channels) * sizeof(float));
    of = values;
  }
};

struct Range {
  int64_t begin, end;
};
Range chunk_range(int64_t chunk, int64_t size, int64_t rows) {
  const int64_t begin = chunk * size;
  return {begin, begin + size < rows ? begin + size : rows};
}

/// Two sums per channel over the rows of a range: term(row, column, part, s1, s2) adds to both, of `together`
/// rows read as one. wide: the sums of the long row, folded into partial [2][channels] at the end.
template <class Term>
void add_up(Range range, int64_t channels, int64_t together, float* partial, Term term) {
  float long_sums[2 * kLongest];
  float* sums = together == 1 ? partial : long_sums;
  const int64_t columns = together * channels;
  memset(sums, 0, static_cast<size_t>(2 * columns) * sizeof(float));
  int64_t row = range.begin;
  const auto rows = [&](auto steps, int64_t width) {
    constexpr int kSteps = decltype(steps)::value;
    each(width, [&](int64_t i, auto part) {
      F32 s1 = {}, s2 = {};
      for (int k = 0; k < kSteps; ++k) term(row + k * together, i, part, s1, s2);
      store(sums + i, load(sums + i, part) + s1, part);
      store(sums + columns + i, load(sums + columns + i, part) + s2, part);
    });
    row += kSteps * (width / channels);
  };
  while (row + kStep * together <= range.end) rows(Count<kStep>{}, columns);
  while (row + together <= range.end) rows(Count<1>{}, columns);
  while (row < range.end) rows(Count<1>{}, channels);
  if (together == 1) return;
  for (int64_t part = 0; part < 2; ++part)
    for (int64_t c = 0; c < channels; ++c) {
      float sum = 0;
      for (int64_t k = 0; k < together; ++k) sum += sums[part * columns + k * channels + c];
      partial[part * channels + c] = sum;
    }
}

/// apply(element, column, part) over the rows of a range, several read as one.
template <class Apply>
void sweep(Range range, int64_t channels, int64_t together, Apply apply) {
  const int64_t columns = together * channels;
  for (int64_t row = range.begin, width; row < range.end; row += width / channels) {
    width = row + together <= range.end ? columns : channels;
    each(width, [&](int64_t i, auto part) { apply(row * channels + i, i, part); });
  }
}

}  // namespace

void moments(const Moments& a, int64_t chunk) {
  const int64_t together = rows_together(a.channels, a.rows);
  const Repeated first(a.x, a.channels, together);
  add_up(chunk_range(chunk, norm_rows(a.rows), a.rows), a.channels, together,
         a.partials + chunk * 2 * a.channels, [&](int64_t row, int64_t i, auto part, F32& s1, F32& s2) {
           const F32 d = load(a.x + row * a.channels + i, part) - load(first.of + i, part);
           s1 += d;
           s2 += d * d;
         });
}

void statistics(const Statistics& s, int64_t) {
  const int64_t count = chunks(s.of), C = s.of.channels;
  const double n = static_cast<double>(s.of.rows);
  for (int64_t c = 0; c < C; ++c) {
    double s1 = 0, s2 = 0;
    for (int64_t k = 0; k < count; ++k) {
      s1 += static_cast<double>(s.of.partials[2 * k * C + c]);
      s2 += static_cast<double>(s.of.partials[(2 * k + 1) * C + c]);
    }
    const double shift = s1 / n, mean = static_cast<double>(s.of.x[c]) + shift;
    const double squares = s2 - s1 * shift, sum = squares > 0 ? squares : (squares == squares ? 0 : squares);
    s.mean[c] = static_cast<float>(mean);
    s.r[c] = static_cast<float>(1 / __builtin_sqrt(sum / n + static_cast<double>(s.epsilon)));
    if (!s.next_mean) continue;
    const double keep = static_cast<double>(s.momentum);
    s.next_mean[c] = static_cast<float>(keep * static_cast<double>(s.running_mean[c]) + (1 - keep) * mean);
    s.next_variance[c] =
        static_cast<float>(keep * static_cast<double>(s.running_variance[c]) + (1 - keep) * (sum / (n - 1)));
  }
}

void normalise(const Normalise& n, int64_t chunk) {
  const int64_t together = rows_together(n.channels, chunk_rows(n.channels));
  const Repeated a(n.a, n.channels, together), b(n.b, n.channels, together);
  with_activation(n.activation, [&](auto f) {
    sweep(chunk_range(chunk, chunk_rows(n.channels), n.rows), n.channels, together,
          [&](int64_t at, int64_t i, auto part) {
            store(n.y + at, f.value(load(n.x + at, part) * load(a.of + i, part) + load(b.of + i, part)),
                  part);
          });
  });
}

void norm_sums(const NormSums& s, int64_t chunk) {
  const int64_t together = rows_together(s.channels, s.rows);
  const Repeated a(s.a, s.channels, together), b(s.b, s.channels, together),
      mean(s.mean, s.channels, together);
  with_activation(s.activation, [&](auto f) {
    add_up(chunk_range(chunk, norm_rows(s.rows), s.rows), s.channels, together,
           s.partials + chunk * 2 * s.channels, [&](int64_t row, int64_t i, auto part, F32& s1, F32& s2) {
             const int64_t at = row * s.channels + i;
             const F32 x = load(s.x + at, part);
             const F32 g = load(s.dy + at, part) * f.slope(x * load(a.of + i, part) + load(b.of + i, part));
             s1 += g;
             s2 += g * (x - load(mean.of + i, part));
           });
  });
}

void norm_grad(const NormGrad& g, int64_t chunk) {
  const int64_t together = rows_together(g.channels, chunk_rows(g.channels));
  const Repeated a(g.a, g.channels, together), b(g.b, g.channels, together), p(g.p, g.channels, together),
      q(g.q, g.channels, together);
  with_activation(g.activation, [&](auto f) {
    sweep(chunk_range(chunk, chunk_rows(g.channels), g.rows), g.channels, together,
          [&](int64_t at, int64_t i, auto part) {
            const F32 x = load(g.x + at, part), factor = load(a.of + i, part);
            const F32 of_z = load(g.dy + at, part) * f.slope(x * factor + load(b.of + i, part));
            store(g.dx + at, factor * of_z + load(p.of + i, part) * x + load(q.of + i, part), part);
          });
  });
}

void activate(const Activate& a, int64_t chunk) {
  const int64_t begin = chunk * kChunkElements;
  const int64_t n = a.n - begin < kChunkElements ? a.n - begin : kChunkElements;
  with_activation(a.activation, [&](auto f) {
    each(n, [&](int64_t i, auto part) {
      const F32 x = load(a.x + begin + i, part);
      store(a.y + begin + i, a.dy ? load(a.dy + begin + i, part) * f.slope(x) : f.value(x), part);
    });
  });
}

}  // namespace ortune::ORTUNE_ISA
