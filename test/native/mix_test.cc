// Mixup over a batch against its definition in double precision, to the same bits everywhere.
#include "data/mix.h"

#include <map>

#include "harness.h"

namespace test {

using namespace ortune;

void test_mix(const Target& target) {
  static std::map<std::string, std::vector<float>> first;
  for (int64_t count : {1, 2, 3, 8})
    for (int64_t size : {1, 5, 16, 1000, 2048, 4099})
      for (const float share : {0.0f, 0.3f, 1.0f}) {
        const std::string what =
            "mix " + std::to_string(count) + "x" + std::to_string(size) + " share " + std::to_string(share);
        Floats before(count * size, 0), samples(count * size, 1);
        before.fill(5);
        samples.fill(5);
        target.kernels.mix({samples.data(), count, size, share});
        std::vector<double> want;
        for (int64_t i = 0; i < count * size; ++i) {
          const int64_t from = i < size ? i + (count - 1) * size : i - size;
          want.push_back(share * static_cast<double>(before[i]) +
                         (1.0 - share) * static_cast<double>(before[from]));
        }
        check_close(target.name + " " + what, samples.data(), want, 1e-6, 1e-7);
        check(samples.guarded(), target.name + " " + what + ": writes its samples only");
        const std::vector<float>& known = first.emplace(what, samples.copy()).first->second;
        check(same_bits(known, samples.copy()), target.name + " " + what + ": same bits as the baseline");
      }
}

}  // namespace test
