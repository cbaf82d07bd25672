// mr_modmul against Python's integers, with bubbles; then its speed when busy in every cycle.
// dv: fq -GField=0
// dv: fr -GField=1
#include <ctime>
#include <deque>
#include <fstream>
#include <random>
#include <vector>

#include "Vdut.h"
#include "verilated.h"
#include "wide.h"

struct Vector {
  Wide a, b, product;
};

static std::vector<Vector> read_vectors(const char* path) {
  std::ifstream in(path);
  std::vector<Vector> vectors;
  std::string a, b, q, r;
  while (in >> a >> b >> q >> r) vectors.push_back({wide_from_hex(a), wide_from_hex(b), wide_from_hex(G_Field ? r : q)});
  return vectors;
}

int main(int argc, char** argv) {
  VerilatedContext ctx;
  ctx.commandArgs(argc, argv);
  Vdut dut{&ctx};
  const std::vector<Vector> vectors = read_vectors(argv[1]);
  std::mt19937_64 rng{3};
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

  std::deque<std::pair<size_t, long>> flying;  // vector, cycle of entry
  size_t next = 0, compared = 0;
  long latency = -1;
  for (long cycle = 0; compared < vectors.size(); ++cycle) {
    if (cycle > 10 * long(vectors.size()) + 100) {
      std::printf("hangs: %zu of %zu results\n", compared, vectors.size());
      return 1;
    }
    dut.valid_i = next < vectors.size() && rng() % 4 != 0;
    if (dut.valid_i) {
      drive(dut.a_i, vectors[next].a);
      drive(dut.b_i, vectors[next].b);
      flying.push_back({next++, cycle});
    } else {
      for (int i = 0; i < 8; ++i) dut.a_i[i] = dut.b_i[i] = i == 7 ? rng() & 0x3fffffff : uint32_t(rng());
    }
    edge();
    if (!dut.valid_o) continue;
    if (flying.empty()) {
      std::printf("cycle %ld: a result nobody asked for\n", cycle);
      return 1;
    }
    const auto [index, entered] = flying.front();
    flying.pop_front();
    const Vector& v = vectors[index];
    if (sample(dut.p_o) != v.product) {
      std::printf("vector %zu: %s * %s\n  expected %s\n  got      %s\n", index, wide_to_hex(v.a).c_str(),
                  wide_to_hex(v.b).c_str(), wide_to_hex(v.product).c_str(), wide_to_hex(sample(dut.p_o)).c_str());
      return 1;
    }
    // An operand given before the edge of cycle t is in the first register after it: latency counts edges.
    const long took = cycle - entered + 1;
    if (latency < 0) latency = took;
    if (took != latency) {
      std::printf("vector %zu: latency %ld, before %ld\n", index, took, latency);
      return 1;
    }
    ++compared;
  }

  // A reset drops what is in flight.
  dut.valid_i = 1;
  for (int i = 0; i < 10; ++i) edge();
  dut.valid_i = 0;
  dut.rst_ni = 0;
  edge();
  dut.rst_ni = 1;
  for (int i = 0; i < 2 * latency; ++i) {
    edge();
    if (dut.valid_o) {
      std::printf("a result from before the reset came after it\n");
      return 1;
    }
  }

  constexpr int Cycles = 200000;
  dut.valid_i = 1;
  const std::clock_t start = std::clock();  // CPU time: other work on the machine does not count
  for (int i = 0; i < Cycles; ++i) {
    const Vector& v = vectors[i % vectors.size()];
    drive(dut.a_i, v.a);
    drive(dut.b_i, v.b);
    edge();
  }
  const double took = double(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("%zu products, latency %ld; %.0f kHz\n", compared, latency, Cycles / took / 1e3);
  return compared == vectors.size() && latency == 14 ? 0 : 1;
}
