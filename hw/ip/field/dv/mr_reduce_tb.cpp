// mr_reduce on redundant columns up to the limit of its input range: the result is x mod m or x mod m + m, in normalised limbs.
// dv: fq251 -GField=0 -GSplit=251
// dv: fq252 -GField=0 -GSplit=252
// dv: fr251 -GField=1 -GSplit=251
// dv: fr252 -GField=1 -GSplit=252
#include <deque>
#include <fstream>
#include <vector>

#include "Vdut.h"
#include "verilated.h"
#include "wide.h"

constexpr int Cols = 17, Limbs = 9, LimbBits = 29;

struct Vector {
  uint64_t columns[Cols];
  Wide canonical, lazy;
};

static std::vector<Vector> read_vectors(const char* path) {
  std::ifstream in(path);
  std::vector<Vector> vectors;
  int split = 0;
  while (in >> split) {
    Vector v;
    std::string word[Cols + 4];
    for (std::string& w : word) in >> w;
    if (split != G_Split) continue;
    for (int k = 0; k < Cols; ++k) v.columns[k] = std::stoull(word[k], nullptr, 16);
    v.canonical = wide_from_hex(word[Cols + (G_Field ? 2 : 0)]);
    v.lazy = wide_from_hex(word[Cols + (G_Field ? 3 : 1)]);
    vectors.push_back(v);
  }
  return vectors;
}

int main(int argc, char** argv) {
  VerilatedContext ctx;
  ctx.commandArgs(argc, argv);
  Vdut dut{&ctx};
  const std::vector<Vector> vectors = read_vectors(argv[1]);
  const auto edge = [&] {
    dut.clk_i = 1;
    dut.eval();
    dut.clk_i = 0;
    dut.eval();
  };
  dut.clk_i = 0;
  dut.valid_i = 0;
  dut.rst_ni = 0;
  dut.eval();  // the first eval sees no edge
  edge();
  dut.rst_ni = 1;

  size_t next = 0, compared = 0, lazy = 0;
  for (size_t cycle = 0; compared < vectors.size(); ++cycle) {
    if (cycle > 2 * vectors.size() + 100) {
      std::printf("hangs: %zu of %zu results\n", compared, vectors.size());
      return 1;
    }
    dut.valid_i = next < vectors.size() && cycle % 5 != 3;
    if (dut.valid_i) {
      for (int k = 0; k < Cols; ++k) dut.c_i[k] = vectors[next].columns[k];
      ++next;
    }
    edge();
    if (!dut.valid_o) continue;
    const Vector& v = vectors[compared];
    Wide got{};
    bool normal = true;
    for (int i = 0; i < Limbs; ++i) {
      const uint64_t limb = dut.r_o[i];
      normal = normal && limb >> LimbBits == 0;
      const int at = i * LimbBits;
      got[at / 32] |= uint32_t(limb << (at % 32));
      if (at / 32 + 1 < 8) got[at / 32 + 1] |= uint32_t(limb >> (32 - at % 32));
      else normal = normal && limb >> (256 - at) == 0;
    }
    if (!normal || (got != v.canonical && got != v.lazy)) {
      std::printf("vector %zu\n  expected %s\n  or       %s\n  got      %s%s\n", compared, wide_to_hex(v.canonical).c_str(),
                  wide_to_hex(v.lazy).c_str(), wide_to_hex(got).c_str(), normal ? "" : " (limbs too long)");
      return 1;
    }
    lazy += got != v.canonical;
    ++compared;
  }
  std::printf("%zu reductions, %zu of them one modulus above the canonical value\n", compared, lazy);
  return compared == vectors.size() && lazy > 0 ? 0 : 1;
}
