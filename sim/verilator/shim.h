// C face of the simulated device: plain structs, no C++ type, nothing but pins behind it.
//
// The simulation owns the clock. Host memory is reached by callbacks, one AXI beat each, with latencies drawn from `seed`;
// device memory is an array behind its own AXI port. There is no other way in or out.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_sim mr_sim;

// Latencies in cycles from an accepted address to the first beat (or the write response), drawn evenly from [min, max].
typedef struct {
  uint64_t seed;               // of reset values, latencies and stalls
  uint64_t memory_bytes;       // device memory; a multiple of 64
  uint32_t host_latency_min, host_latency_max;
  uint32_t memory_latency_min, memory_latency_max;
  uint32_t stall_per_1024;     // chance that a port is not ready in a cycle
  void *context;               // given to the callbacks
  // One beat of 64 bytes at an IOVA (a multiple of 64), in cycle `cycle` since reset. Returns 0, or non-zero for a DMA fault.
  int (*host_read)(void *context, uint64_t cycle, uint64_t iova, uint8_t *to);
  // Bit i of `strobes` set: byte i is written.
  int (*host_write)(void *context, uint64_t cycle, uint64_t iova, const uint8_t *from, uint64_t strobes);
} mr_sim_config;

typedef struct {
  uint64_t cycles;   // simulated in this call
  uint32_t irqs;     // bit q: queue q raised an interrupt
  uint8_t busy;      // the device still has something to do
} mr_sim_step_result;

mr_sim *mr_sim_new(const mr_sim_config *config);
void mr_sim_free(mr_sim *sim);

// Runs until `max_cycles` are done, an interrupt rises, or the device has nothing to do.
mr_sim_step_result mr_sim_step(mr_sim *sim, uint64_t max_cycles);

// One AXI4-Lite transaction. A read that the device does not answer within 4096 cycles gives all ones.
// Interrupts that rise meanwhile are kept for the next mr_sim_step.
uint32_t mr_sim_read32(mr_sim *sim, uint32_t offset);
void mr_sim_write32(mr_sim *sim, uint32_t offset, uint32_t value);

uint64_t mr_sim_cycles(const mr_sim *sim);

// Writes an FST waveform of the next `max_cycles` cycles. Returns 0, or -1 if this build cannot trace or the file cannot be opened.
int mr_sim_trace_start(mr_sim *sim, const char *path, uint64_t max_cycles);
void mr_sim_trace_stop(mr_sim *sim);

// Flips one bit of device memory: a fault injection for tests, not a way for data to pass.
void mr_sim_flip_memory_bit(mr_sim *sim, uint64_t address, uint32_t bit);

#ifdef __cplusplus
}
#endif
