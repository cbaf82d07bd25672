#include "axi_memory.h"

#include <cstring>

AxiMemory::AxiMemory(AxiPins pins, Rng rng, uint32_t latency_min, uint32_t latency_max, uint32_t stall_per_1024, Read read, Write write)
    : pins_(pins), rng_(rng), latency_min_(latency_min), latency_max_(latency_max), stall_(stall_per_1024), read_(read), write_(write) {
  *pins_.awready = *pins_.wready = *pins_.arready = 0;
  *pins_.bvalid = *pins_.rvalid = 0;
}

void AxiMemory::sample() {
  ar_ = *pins_.arvalid && *pins_.arready;
  aw_ = *pins_.awvalid && *pins_.awready;
  w_ = *pins_.wvalid && *pins_.wready;
  r_ = *pins_.rvalid && *pins_.rready;
  b_ = *pins_.bvalid && *pins_.bready;
  // The manager may change its pins at the edge, so what was accepted is taken now.
  if (ar_) {
    reads_[*pins_.arid % kIds].push_back({*pins_.araddr, 0, *pins_.arlen + 1u});
    reads_[*pins_.arid % kIds].back().due = UINT64_MAX;
  }
  if (aw_) incoming_.push_back({*pins_.awaddr, 0, uint8_t(*pins_.awid % kIds), *pins_.awlen + 1u, {}});
  if (w_ && !incoming_.empty()) {
    for (auto &burst : incoming_) {
      if (burst.data.size() < burst.beats) {
        Beat beat;
        std::memcpy(beat.bytes.data(), pins_.wdata, 64);
        beat.strobes = *pins_.wstrb;
        burst.data.push_back(beat);
        break;
      }
    }
  }
}

void AxiMemory::accept_read(uint64_t now) {
  if (!ar_) return;
  reads_pending_++;
  for (auto &queue : reads_)
    if (!queue.empty() && queue.back().due == UINT64_MAX) queue.back().due = due(now);
}

void AxiMemory::accept_write(uint64_t now) {
  while (!incoming_.empty() && incoming_.front().data.size() == incoming_.front().beats) {
    incoming_.front().due = due(now);
    auto &queue = writes_[incoming_.front().id];
    queue.push_back(std::move(incoming_.front()));
    incoming_.pop_front();
    writes_pending_++;
  }
}

void AxiMemory::drive_read(uint64_t now) {
  if (r_) {
    auto &queue = reads_[current_read_];
    queue.front().address += 64;
    if (--queue.front().beats == 0) {
      queue.pop_front();
      current_read_ = -1;
      reads_pending_--;
    }
    *pins_.rvalid = 0;
  }
  if (*pins_.rvalid) return;
  if (current_read_ < 0 && reads_pending_ > 0) {
    unsigned start = rng_.between(0, kIds - 1);
    for (unsigned k = 0; k < kIds && current_read_ < 0; k++) {
      unsigned id = (start + k) % kIds;
      if (!reads_[id].empty() && reads_[id].front().due <= now) current_read_ = int(id);
    }
  }
  if (current_read_ < 0 || rng_.one_in_1024(stall_)) return;
  auto &burst = reads_[current_read_].front();
  uint8_t bytes[64] = {};
  int failed = read_(burst.address, bytes);
  std::memcpy(pins_.rdata, bytes, 64);
  *pins_.rid = uint8_t(current_read_);
  *pins_.rresp = failed ? kSlvErr : 0;
  *pins_.rlast = burst.beats == 1;
  *pins_.rvalid = 1;
}

void AxiMemory::drive_write_response(uint64_t now) {
  if (b_) *pins_.bvalid = 0;
  if (*pins_.bvalid || writes_pending_ == 0) return;
  unsigned start = rng_.between(0, kIds - 1);
  for (unsigned k = 0; k < kIds; k++) {
    unsigned id = (start + k) % kIds;
    auto &queue = writes_[id];
    if (queue.empty() || queue.front().due > now) continue;
    int failed = 0;
    uint64_t address = queue.front().address;
    for (auto &beat : queue.front().data) {
      if (beat.strobes) failed |= write_(address, beat.bytes.data(), beat.strobes);
      address += 64;
    }
    queue.pop_front();
    writes_pending_--;
    *pins_.bid = uint8_t(id);
    *pins_.bresp = failed ? kSlvErr : 0;
    *pins_.bvalid = 1;
    return;
  }
}

void AxiMemory::drive(uint64_t now) {
  accept_read(now);
  accept_write(now);
  drive_read(now);
  drive_write_response(now);
  *pins_.arready = !rng_.one_in_1024(stall_);
  // Data is taken only after its address, which is all a manager may rely on.
  *pins_.awready = incoming_.size() < 8 && !rng_.one_in_1024(stall_);
  bool expects_data = false;
  for (auto &burst : incoming_) expects_data |= burst.data.size() < burst.beats;
  *pins_.wready = expects_data && !rng_.one_in_1024(stall_);
}
