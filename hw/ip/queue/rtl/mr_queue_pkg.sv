// Types between the queues, dispatch and the job slots.
package mr_queue_pkg;

  // Who runs a job. TargetNone: nobody, the job completes at once with the status that it brings.
  typedef enum logic [1:0] {
    TargetNone = 2'd0,
    TargetCopy = 2'd1,
    TargetMsm  = 2'd2,
    TargetNtt  = 2'd3
  } target_e;

  parameter int unsigned NumTargets = 4;

  // What a completion needs of its descriptor.
  typedef struct packed {
    logic [3:0]  queue_id;
    logic [31:0] job_id;
    logic [7:0]  opcode;
    logic [15:0] sq_head;
    logic        irq;
  } meta_t;

  typedef struct packed {
    target_e          target;
    meta_t            meta;
    logic [7:0]       status;    // not OK: refused, with position
    logic [63:0]      position;
    mr_job_pkg::cmd_t cmd;
  } job_t;

  typedef struct packed {
    meta_t             meta;
    mr_job_pkg::done_t done;
  } result_t;

endpackage
