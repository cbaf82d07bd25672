// mr_point_add against Python's integers, with bubbles and tags; then its speed when busy in every cycle and when idle.
// dv: tag16 -GTagW=16
#include <array>
#include <ctime>
#include <deque>
#include <fstream>
#include <random>
#include <vector>

#include "../../field/dv/wide.h"
#include "Vdut.h"
#include "verilated.h"

using Point = std::array<Wide, 3>;  // X, Y, Z

struct Vector {
  Point p, q, sum;
};

static bool read_point(std::ifstream& in, Point& point) {
  for (Wide& coordinate : point) {
    std::string text;
    if (!(in >> text)) return false;
    coordinate = wide_from_hex(text);
  }
  return true;
}

static std::vector<Vector> read_vectors(const char* path) {
  std::ifstream in(path);
  std::vector<Vector> vectors;
  Vector v;
  while (read_point(in, v.p) && read_point(in, v.q) && read_point(in, v.sum)) vectors.push_back(v);
  return vectors;
}

// point_t is {x, y, z}, 254 bits each, z lowest: 762 bits in 24 words.
using Packed = std::array<uint32_t, 24>;

static Packed pack(const Point& point) {
  Packed packed{};
  for (int c = 0; c < 3; ++c) {
    for (int bit = 0; bit < 254; ++bit) {
      const int at = (2 - c) * 254 + bit;
      packed[at / 32] |= (point[c][bit / 32] >> (bit % 32) & 1u) << (at % 32);
    }
  }
  return packed;
}

int main(int argc, char** argv) {
  VerilatedContext ctx;
  ctx.commandArgs(argc, argv);
  Vdut dut{&ctx};
  const std::vector<Vector> vectors = read_vectors(argv[1]);
  std::vector<std::array<Packed, 3>> packed;
  for (const Vector& v : vectors) packed.push_back({pack(v.p), pack(v.q), pack(v.sum)});
  std::mt19937_64 rng{5};
  const auto edge = [&] {
    dut.clk_i = 1;
    dut.eval();
    dut.clk_i = 0;
    dut.eval();
  };
  const auto give = [&](size_t index) {
    for (int i = 0; i < 24; ++i) {
      dut.p_i[i] = packed[index][0][i];
      dut.q_i[i] = packed[index][1][i];
    }
  };
  dut.clk_i = 0;
  dut.valid_i = 0;
  dut.rst_ni = 0;
  dut.eval();  // the first eval sees no edge
  edge();
  dut.rst_ni = 1;

  struct Flight {
    size_t index;
    long entered;
    uint16_t tag;
  };
  std::deque<Flight> flying;
  size_t next = 0, compared = 0;
  long latency = -1;
  for (long cycle = 0; compared < vectors.size(); ++cycle) {
    if (cycle > 10 * long(vectors.size()) + 100) {
      std::printf("hangs: %zu of %zu results\n", compared, vectors.size());
      return 1;
    }
    dut.valid_i = next < vectors.size() && rng() % 4 != 0;
    dut.tag_i = uint16_t(rng());
    if (dut.valid_i) {
      give(next);
      flying.push_back({next++, cycle, uint16_t(dut.tag_i)});
    } else {
      for (int i = 0; i < 24; ++i) dut.p_i[i] = dut.q_i[i] = i == 23 ? rng() & 0x3ffffff : uint32_t(rng());
    }
    edge();
    if (!dut.valid_o) continue;
    if (flying.empty()) {
      std::printf("cycle %ld: a result nobody asked for\n", cycle);
      return 1;
    }
    const Flight flight = flying.front();
    flying.pop_front();
    bool equal = dut.tag_o == flight.tag;
    for (int i = 0; i < 24; ++i) equal = equal && dut.r_o[i] == packed[flight.index][2][i];
    if (!equal) {
      const Vector& v = vectors[flight.index];
      std::printf("vector %zu (tag %x, got %x)\n", flight.index, flight.tag, unsigned(dut.tag_o));
      for (int c = 0; c < 3; ++c) std::printf("  P %s  Q %s\n", wide_to_hex(v.p[c]).c_str(), wide_to_hex(v.q[c]).c_str());
      for (int i = 23; i >= 0; --i) std::printf("%s%08x", i == 23 ? "  expected " : "", packed[flight.index][2][i]);
      for (int i = 23; i >= 0; --i) std::printf("%s%08x", i == 23 ? "\n  got      " : "", uint32_t(dut.r_o[i]));
      std::printf("\n");
      return 1;
    }
    const long took = cycle - flight.entered + 1;
    if (latency < 0) latency = took;
    if (took != latency) {
      std::printf("vector %zu: latency %ld, before %ld\n", flight.index, took, latency);
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

  constexpr int Cycles = 100000;
  const auto speed = [&](bool busy) {
    dut.valid_i = busy;
    const std::clock_t start = std::clock();  // CPU time: other work on the machine does not count
    for (int i = 0; i < Cycles; ++i) {
      give(i % vectors.size());
      edge();
    }
    const double took = double(std::clock() - start) / CLOCKS_PER_SEC;
    return Cycles / took / 1e3;
  };
  const double busy = speed(true), idle = speed(false);
  std::printf("%zu additions, latency %ld; %.0f kHz busy in every cycle, %.0f kHz idle\n", compared, latency, busy, idle);
  return compared == vectors.size() && latency == 29 ? 0 : 1;
}
