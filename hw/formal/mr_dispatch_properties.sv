// mr_dispatch: no job and no result is lost, doubled, changed or given to the wrong one; no queue and no slot is passed over for long.
//
// Any jobs, any slots that become ready when they like, any writers. An offer stays until it is taken (jobs, ready slots). The fairness is that of
// the module's header: while a queue's job waits for a slot, that slot takes at most one job of each other queue; while a slot is ready and somebody has a
// job for it, each other slot gets at most one. `ok_*_turn` say how far the turn is from the watched one, which makes the proofs inductive.
// formal: dispatch_1 prove 3 -GNumQueues=1
// formal: dispatch_2 prove 3 -GNumQueues=2
// formal: dispatch_5 prove 3 -GNumQueues=5
module mr_dispatch_properties
  import mr_queue_pkg::*;
#(
  parameter int unsigned NumQueues = 2
) (
  input  logic                                     clk_i,
  input  logic                                     rst_ni,
  input  logic [NumQueues-1:0]                     job_valid_i,
  input  logic [NumQueues-1:0][$bits(job_t)-1:0]   job_i,
  input  logic [NumTargets-1:0]                    slot_ready_i,
  input  logic [NumTargets-1:0]                    result_valid_i,
  input  logic [NumTargets-1:0][$bits(result_t)-1:0] result_i,
  input  logic [NumQueues-1:0]                     writer_ready_i,
  output logic                                     assume_reset_first,
  output logic                                     assume_offers_stay,
  output logic                                     assume_watched,
  output logic                                     ok_jobs,
  output logic                                     ok_results,
  output logic                                     ok_works,
  output logic                                     ok_queue_turn,
  output logic                                     ok_queue_fair,
  output logic                                     ok_slot_turn,
  output logic                                     ok_slot_fair
);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  assign assume_reset_first = started_q || !rst_ni;

  job_t    job [NumQueues];
  result_t result [NumTargets];
  for (genvar q = 0; q < NumQueues; q++) begin : gen_job
    assign job[q] = job_t'(job_i[q]);
  end
  for (genvar t = 0; t < NumTargets; t++) begin : gen_result
    assign result[t] = result_t'(result_i[t]);
  end

  logic [NumQueues-1:0]  job_ready, writer_valid;
  logic [NumTargets-1:0] slot_valid, result_ready;
  job_t                  slot_job;
  result_t               writer_result;
  mr_dispatch #(.NumQueues(NumQueues)) u_dut (
    .clk_i, .rst_ni, .job_valid_i, .job_ready_o(job_ready), .job_i(job), .slot_valid_o(slot_valid), .slot_ready_i, .slot_job_o(slot_job),
    .result_valid_i, .result_ready_o(result_ready), .result_i(result), .writer_valid_o(writer_valid), .writer_ready_i, .writer_result_o(writer_result)
  );

  // An offer that was not taken is there in the next cycle, the same.
  logic [NumQueues-1:0]                   job_waits_q;
  logic [NumQueues-1:0][$bits(job_t)-1:0] job_q;
  logic [NumTargets-1:0]                  slot_waits_q;
  always_ff @(posedge clk_i) begin
    job_waits_q  <= rst_ni ? job_valid_i & ~job_ready : '0;
    slot_waits_q <= rst_ni ? slot_ready_i & ~slot_valid : '0;
    job_q        <= job_i;
  end
  always_comb begin
    assume_offers_stay = !started_q || ((job_waits_q & ~job_valid_i) == '0 && (slot_waits_q & ~slot_ready_i) == '0);
    for (int q = 0; q < NumQueues; q++) begin
      if (started_q && job_waits_q[q] && job_i[q] != job_q[q]) assume_offers_stay = 1'b0;
    end
  end

  // A job that is taken goes to one slot, that of its target, which is ready; a slot that is started has one job.
  always_comb begin
    ok_jobs = (job_ready & (job_ready - 1'b1)) == '0 && (slot_valid & (slot_valid - 1'b1)) == '0
        && (job_ready != '0) == (slot_valid != '0) && (slot_valid & ~slot_ready_i) == '0 && (job_ready & ~job_valid_i) == '0;
    for (int q = 0; q < NumQueues; q++) begin
      if (job_ready[q] && (slot_job != job[q] || !slot_valid[job[q].target])) ok_jobs = 1'b0;
    end
  end

  // A result that is taken goes to the writer of its queue, which is ready, as it is.
  always_comb begin
    ok_results = (result_ready & (result_ready - 1'b1)) == '0 && (writer_valid & (writer_valid - 1'b1)) == '0
        && (result_ready != '0) == (writer_valid != '0) && (result_ready & ~result_valid_i) == '0 && (writer_valid & ~writer_ready_i) == '0;
    for (int t = 0; t < NumTargets; t++) begin
      for (int q = 0; q < NumQueues; q++) begin
        if (result_ready[t] && writer_valid[q] && (writer_result != result[t] || result[t].meta.queue_id != 4'(q))) ok_results = 1'b0;
      end
    end
  end

  // No cycle is lost: where a job and its slot meet, or a result and its writer, one goes.
  logic some_job, some_result;
  always_comb begin
    some_job    = 1'b0;
    some_result = 1'b0;
    for (int q = 0; q < NumQueues; q++) begin
      if (job_valid_i[q] && slot_ready_i[job[q].target]) some_job = 1'b1;
      for (int t = 0; t < NumTargets; t++) begin
        if (result_valid_i[t] && result[t].meta.queue_id == 4'(q) && writer_ready_i[q]) some_result = 1'b1;
      end
    end
  end
  assign ok_works = some_job == (slot_valid != '0) && some_result == (result_ready != '0);

  // One queue and one slot, any of them.
  logic [3:0]          queue_q;
  logic [1:0]          slot_q;
  logic                queue_waits, slot_waits, queue_gets, slot_gets;
  logic [3:0]          queue_passed_q, slot_passed_q;
  assign assume_watched = queue_q < 4'(NumQueues);
  always_comb begin
    queue_waits = 1'b0;
    queue_gets  = 1'b0;
    slot_waits  = 1'b0;
    for (int q = 0; q < NumQueues; q++) begin
      if (queue_q == 4'(q)) begin
        queue_waits = job_valid_i[q] && job[q].target == target_e'(slot_q);
        queue_gets  = job_ready[q];
      end
      if (job_valid_i[q] && job[q].target == target_e'(slot_q)) slot_waits = slot_ready_i[slot_q];
    end
    slot_gets = slot_valid[slot_q];
  end
  always_ff @(posedge clk_i) begin
    queue_q <= queue_q;
    slot_q  <= slot_q;
    if (!rst_ni || !queue_waits || queue_gets) queue_passed_q <= '0;
    else if (slot_gets)                        queue_passed_q <= queue_passed_q + 1'b1;
    if (!rst_ni || !slot_waits || slot_gets)   slot_passed_q <= '0;
    else if (slot_valid != '0)                 slot_passed_q <= slot_passed_q + 1'b1;
  end

  // Requesters behind the one that was taken last, for the watched slot's turn of queues and for the turn of slots.
  logic [NumTargets-1:0][NumQueues-1:0] behind;
  for (genvar t = 0; t < NumTargets; t++) begin : gen_behind
    assign behind[t] = u_dut.gen_target[t].u_queues.after_q;
  end
  logic [NumQueues-1:0]  queue_below;
  logic [NumTargets-1:0] slot_below;
  logic [3:0]            queue_start, slot_start, queue_distance, slot_distance;
  assign queue_below = ~behind[slot_q];
  assign slot_below  = ~u_dut.u_slots.after_q;
  always_comb begin
    queue_start = 4'd0;
    slot_start  = 4'd0;
    for (int q = 0; q < NumQueues; q++) begin
      if (queue_below[q] && queue_below != '1) queue_start = 4'(q + 1);
    end
    for (int t = 0; t < NumTargets; t++) begin
      if (slot_below[t] && slot_below != '1) slot_start = 4'(t + 1);
    end
    queue_distance = queue_q >= queue_start ? queue_q - queue_start : queue_q + 4'(NumQueues) - queue_start;
    slot_distance  = 4'(slot_q) >= slot_start ? 4'(slot_q) - slot_start : 4'(slot_q) + 4'(NumTargets) - slot_start;
  end
  assign ok_queue_turn = !started_q || ((queue_below & (queue_below + 1'b1)) == '0 && queue_passed_q + queue_distance < 4'(NumQueues));
  assign ok_slot_turn  = !started_q || ((slot_below & (slot_below + 1'b1)) == '0 && slot_passed_q + slot_distance < 4'(NumTargets));
  assign ok_queue_fair = !started_q || queue_passed_q < 4'(NumQueues);
  assign ok_slot_fair  = !started_q || slot_passed_q < 4'(NumTargets);

endmodule
