// Dispatch: jobs of the queues to the slots, results of the slots back to their queues. Round robin both ways, one a cycle each.
//
// Each slot has its own turn of queues, which only its own grants move: a queue that waits for a busy engine keeps its place whatever the others do
// meanwhile, and waits for at most one job of each other queue. Among the slots that could take a job the turn goes round too; a slot stays free until
// it gets one, so none is passed over for long. One queue's full engine does not hold up another's job.
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

  logic [NumQueues-1:0] want [NumTargets];    // for each slot: queues whose next job it could take now
  logic [NumQueues-1:0] chosen [NumTargets];
  logic [NumTargets-1:0] open, serve;
  logic [NumTargets-1:0] ripe, pick;
  logic [3:0] unused_serve, unused_pick;

  for (genvar t = 0; t < NumTargets; t++) begin : gen_target
    logic [3:0] unused_index;
    always_comb begin
      for (int unsigned q = 0; q < NumQueues; q++) want[t][q] = job_valid_i[q] && slot_ready_i[t] && job_i[q].target == target_e'(t);
    end
    mr_rr_arbiter #(.N(NumQueues)) u_queues (
      .clk_i, .rst_ni, .req_i(want[t]), .take_i(serve[t]), .grant_o(chosen[t]), .index_o(unused_index)
    );
    assign open[t] = want[t] != '0;
  end

  mr_rr_arbiter #(.N(NumTargets)) u_slots (
    .clk_i, .rst_ni, .req_i(open), .take_i(open != '0), .grant_o(serve), .index_o(unused_serve)
  );

  always_comb begin
    slot_job_o = '0;
    job_ready_o = '0;
    for (int unsigned t = 0; t < NumTargets; t++) begin
      for (int unsigned q = 0; q < NumQueues; q++) begin
        if (serve[t] && chosen[t][q]) begin
          slot_job_o = job_i[q];
          job_ready_o[q] = 1'b1;
        end
      end
    end
  end
  assign slot_valid_o = serve;

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
