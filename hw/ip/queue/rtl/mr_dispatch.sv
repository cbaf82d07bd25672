// Dispatch: jobs of the queues to the slots, results of the slots back to their queues. Round robin both ways, one a cycle each.
//
// A queue is considered when the slot that its next job needs is free, so one queue's full engine does not hold up another's job.
module mr_dispatch
  import mr_queue_pkg::*;
#(
  /// Queues, 1..12.
  parameter int unsigned NumQueues = 1
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic    [NumQueues-1:0]  job_valid_i,
  output logic    [NumQueues-1:0]  job_ready_o,
  input  job_t                     job_i [NumQueues],
  output logic    [NumTargets-1:0] slot_valid_o,
  input  logic    [NumTargets-1:0] slot_ready_i,
  output job_t                     slot_job_o,
  input  logic    [NumTargets-1:0] result_valid_i,
  output logic    [NumTargets-1:0] result_ready_o,
  input  result_t                  result_i [NumTargets],
  output logic    [NumQueues-1:0]  writer_valid_o,
  input  logic    [NumQueues-1:0]  writer_ready_i,
  output result_t                  writer_result_o
);

  mr_layout_check u_layout_check ();

  logic [NumQueues-1:0] can, grant;
  logic [NumTargets-1:0] ripe, pick;
  logic [3:0] unused_index, unused_pick;

  always_comb begin
    for (int unsigned q = 0; q < NumQueues; q++) can[q] = job_valid_i[q] && slot_ready_i[job_i[q].target];
  end

  mr_rr_arbiter #(.N(NumQueues)) u_jobs (
    .clk_i, .rst_ni, .req_i(can), .take_i(can != '0), .grant_o(grant), .index_o(unused_index)
  );

  always_comb begin
    slot_job_o = '0;
    slot_valid_o = '0;
    for (int unsigned q = 0; q < NumQueues; q++) begin
      if (grant[q]) begin
        slot_job_o = job_i[q];
        slot_valid_o[job_i[q].target] = 1'b1;
      end
    end
  end
  assign job_ready_o = grant;

  always_comb begin
    for (int unsigned t = 0; t < NumTargets; t++) begin
      ripe[t] = 1'b0;
      for (int unsigned q = 0; q < NumQueues; q++) begin
        if (result_i[t].meta.queue_id == 4'(q)) ripe[t] = result_valid_i[t] && writer_ready_i[q];
      end
    end
  end

  mr_rr_arbiter #(.N(NumTargets)) u_results (
    .clk_i, .rst_ni, .req_i(ripe), .take_i(ripe != '0), .grant_o(pick), .index_o(unused_pick)
  );

  always_comb begin
    writer_result_o = '0;
    writer_valid_o = '0;
    for (int unsigned t = 0; t < NumTargets; t++) begin
      if (pick[t]) begin
        writer_result_o = result_i[t];
        for (int unsigned q = 0; q < NumQueues; q++) writer_valid_o[q] = result_i[t].meta.queue_id == 4'(q);
      end
    end
  end
  assign result_ready_o = pick;

endmodule
