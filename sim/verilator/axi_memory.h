// An AXI4 subordinate with latency: 512-bit data, INCR bursts, in order per id, any order across ids.
//
// A write takes effect when its response is due, not when its data arrives, so that a device which does not wait for responses is found out.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

struct Rng {  // xorshift64*
  uint64_t state;
  explicit Rng(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15ull | 1) {}
  uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1Dull;
  }
  uint32_t between(uint32_t lo, uint32_t hi) { return lo + uint32_t(next() % (uint64_t(hi) - lo + 1)); }
  bool one_in_1024(uint32_t chance) { return (next() >> 54) < chance; }
};

// The pins of one AXI port, seen from the subordinate.
struct AxiPins {
  uint8_t *awid, *awvalid, *awready, *awlen;
  uint64_t *awaddr;
  uint32_t *wdata;
  uint64_t *wstrb;
  uint8_t *wlast, *wvalid, *wready;
  uint8_t *bid, *bresp, *bvalid, *bready;
  uint8_t *arid, *arvalid, *arready, *arlen;
  uint64_t *araddr;
  uint8_t *rid;
  uint32_t *rdata;
  uint8_t *rresp, *rlast, *rvalid, *rready;
};

struct Beat {
  std::array<uint8_t, 64> bytes;
  uint64_t strobes;
};

class AxiMemory {
 public:
  using Read = std::function<int(uint64_t, uint8_t *)>;
  using Write = std::function<int(uint64_t, const uint8_t *, uint64_t)>;

  AxiMemory(AxiPins pins, Rng rng, uint32_t latency_min, uint32_t latency_max, uint32_t stall_per_1024, Read read, Write write);

  // Between the settled low phase and the rising edge: notes which handshakes this edge completes.
  void sample();
  // After the rising edge, at cycle `now`: acts on them and drives the pins for the next edge.
  void drive(uint64_t now);

 private:
  static constexpr unsigned kIds = 16;
  static constexpr uint8_t kSlvErr = 2;
  struct ReadBurst {
    uint64_t address, due;
    unsigned beats;
  };
  struct WriteBurst {
    uint64_t address, due;
    uint8_t id;
    unsigned beats;
    std::vector<Beat> data;
  };

  void accept_read(uint64_t now);
  void accept_write(uint64_t now);
  void drive_read(uint64_t now);
  void drive_write_response(uint64_t now);
  uint64_t due(uint64_t now) { return now + rng_.between(latency_min_, latency_max_); }

  AxiPins pins_;
  Rng rng_;
  uint32_t latency_min_, latency_max_, stall_;
  Read read_;
  Write write_;

  bool ar_ = false, r_ = false, aw_ = false, w_ = false, b_ = false;
  std::array<std::deque<ReadBurst>, kIds> reads_;
  unsigned reads_pending_ = 0;
  int current_read_ = -1;  // id of the burst being answered
  std::deque<WriteBurst> incoming_;
  std::array<std::deque<WriteBurst>, kIds> writes_;
  unsigned writes_pending_ = 0;
};
