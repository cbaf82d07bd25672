// A job slot: what stands between dispatch and one engine. One job runs, one waits, one result waits to be written.
//
// The engine gets the next command as soon as its last result is taken. Jobs leave in the order in which they came.
//
// Reset of the engine (reset_i, a level until reset_done_o pulses): the engine's reset is held and its DMA channels are flushed until they
// are idle and HoldCycles have passed; then the running and the waiting job complete with RESET. A result that was taken before is
// kept. No job is taken meanwhile.
module mr_job_slot
  import mr_job_pkg::*;
  import mr_queue_pkg::*;
#(
  /// Least cycles of an engine's reset, 1..65535: longer than any pipeline inside it.
  parameter int unsigned HoldCycles = 256
) (
  input  logic    clk_i,
  input  logic    rst_ni,
  input  logic    job_valid_i,
  output logic    job_ready_o,
  input  job_t    job_i,
  output logic    result_valid_o,
  input  logic    result_ready_i,
  output result_t result_o,
  // Engine.
  output logic    cmd_valid_o,
  input  logic    cmd_ready_i,
  output cmd_t    cmd_o,
  input  logic    done_valid_i,
  output logic    done_ready_o,
  input  done_t   done_i,
  // Reset of the engine.
  input  logic    reset_i,
  output logic    reset_done_o,
  output logic    engine_rst_no,
  output logic    flush_o,
  input  logic    channels_idle_i,
  /// A job is in the slot, a reset is under way, or the engine is not ready yet after one.
  output logic    busy_o
);

  typedef enum logic [1:0] {
    RstNone,    // the engine works
    RstHold,    // reset and flush
    RstReport   // the jobs complete with RESET, the engine is still held
  } reset_e;

  reset_e  reset_q;
  logic [15:0] hold_q;
  logic    running_q, waiting_q, sent_q, result_q;
  meta_t   run_meta_q, wait_meta_q;
  cmd_t    run_cmd_q, wait_cmd_q;
  result_t out_q;

  logic    take, finish, fail, result_free, move_up;
  logic    unused_job;

  assign unused_job = ^{job_i.target, job_i.status, job_i.position};
  assign result_free = !result_q || result_ready_i;
  assign job_ready_o = !waiting_q && reset_q == RstNone && !reset_i;
  assign take = job_valid_i && job_ready_o;
  assign cmd_valid_o = running_q && !sent_q && reset_q == RstNone;
  assign cmd_o = run_cmd_q;
  assign done_ready_o = running_q && sent_q && result_free && reset_q == RstNone;
  assign finish = done_valid_i && done_ready_o;
  assign fail = reset_q == RstReport && running_q && result_free;
  assign move_up = !running_q || finish || fail;
  assign result_valid_o = result_q;
  assign result_o = out_q;
  assign reset_done_o = reset_q == RstReport && !running_q && !waiting_q;
  assign engine_rst_no = rst_ni && reset_q == RstNone;
  assign flush_o = reset_q == RstHold;
  assign busy_o = running_q || waiting_q || result_q || reset_q != RstNone || reset_i || !cmd_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      reset_q <= RstNone;
      hold_q <= '0;
      running_q <= 1'b0;
      waiting_q <= 1'b0;
      sent_q <= 1'b0;
      result_q <= 1'b0;
      run_meta_q <= '0;
      wait_meta_q <= '0;
      run_cmd_q <= '0;
      wait_cmd_q <= '0;
      out_q <= '0;
    end else begin
      if (result_ready_i) result_q <= 1'b0;
      if (finish || fail) begin
        result_q <= 1'b1;
        out_q.meta <= run_meta_q;
        out_q.done <= finish ? done_i : '{status: CauseReset, default: '0};
      end
      if (cmd_valid_o && cmd_ready_i) sent_q <= 1'b1;
      if (move_up) begin
        running_q <= waiting_q || take;
        waiting_q <= 1'b0;
        sent_q <= 1'b0;
        run_meta_q <= waiting_q ? wait_meta_q : job_i.meta;
        run_cmd_q <= waiting_q ? wait_cmd_q : job_i.cmd;
      end else if (take) begin
        waiting_q <= 1'b1;
        wait_meta_q <= job_i.meta;
        wait_cmd_q <= job_i.cmd;
      end
      unique case (reset_q)
        RstNone: if (reset_i) begin
          reset_q <= RstHold;
          hold_q <= 16'(HoldCycles);
        end
        RstHold: begin
          if (hold_q != 16'd0) hold_q <= hold_q - 16'd1;
          else if (channels_idle_i) reset_q <= RstReport;
        end
        RstReport: if (reset_done_o) reset_q <= RstNone;
        default: reset_q <= RstNone;
      endcase
    end
  end

  a_cmd_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    cmd_valid_o && !cmd_ready_i && !reset_i |=> cmd_valid_o && $stable(run_meta_q.job_id));
  a_result_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    result_valid_o && !result_ready_i |=> result_valid_o && $stable(result_o.meta.job_id));
  a_waiting_behind_running: assert property (@(posedge clk_i) disable iff (!rst_ni) waiting_q |-> running_q);

endmodule
