// Types on the borders between dispatch, DMA channels and engines.
package mr_job_pkg;

  // A DMA channel request: `beats` beats of 64 bytes from `addr` (a multiple of 64) upwards.
  typedef struct packed {
    logic        dev;    // 1: device memory, 0: host memory
    logic [63:0] addr;
    logic [31:0] beats;
  } dma_req_t;

  // One beat and whether its AXI response was an error; data of a bad beat is zero.
  typedef struct packed {
    logic         err;
    logic [511:0] data;
  } dma_beat_t;

  // End of a write request: all responses have come.
  typedef struct packed {
    logic        err;
    logic [63:0] err_addr;   // first address of the failed burst
  } dma_wdone_t;

  // A descriptor that dispatch has checked for form (docs/spec/device.md).
  typedef struct packed {
    logic [7:0]  opcode;
    logic        src0_dev;
    logic        src1_dev;
    logic        dst_dev;
    logic        dump;
    logic        inverse;
    logic        coset;
    logic        mont;
    logic [7:0]  log_n;
    logic [63:0] src0;
    logic [63:0] src1;
    logic [63:0] dst;
    logic [63:0] count;
    logic [63:0] dst_len;
  } cmd_t;

  // What an engine says at the end of a job; the fields of the completion.
  typedef struct packed {
    logic [7:0]  status;
    logic [63:0] position;
    logic [63:0] cycles;
    logic [63:0] stalled;
    logic [63:0] bubbles;
    logic [63:0] issued;
    logic [63:0] digest;
  } done_t;

  // Causes; the same numbers as in hw/data/layout.toml (a generated assertion compares them).
  typedef enum logic [7:0] {
    CauseOk            = 8'd0,
    CauseBadDescriptor = 8'd1,
    CauseBadOpcode     = 8'd2,
    CauseBadPhase      = 8'd3,
    CauseBadEpoch      = 8'd4,
    CauseBadLength     = 8'd5,
    CauseScalarRange   = 8'd6,
    CausePointRange    = 8'd7,
    CauseValueRange    = 8'd8,
    CauseHostRead      = 8'd9,
    CauseHostWrite     = 8'd10,
    CauseMemRead       = 8'd11,
    CauseMemWrite      = 8'd12,
    CauseReset         = 8'd13
  } cause_e;

endpackage
