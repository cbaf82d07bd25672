// The slot of jobs that no engine runs: NOPs and refused descriptors. A result leaves one cycle after its job came.
module mr_null_slot
  import mr_queue_pkg::*;
(
  input  logic    clk_i,
  input  logic    rst_ni,
  input  logic    job_valid_i,
  output logic    job_ready_o,
  input  job_t    job_i,
  output logic    result_valid_o,
  input  logic    result_ready_i,
  output result_t result_o,
  /// A result waits.
  output logic    busy_o
);

  logic valid_q;
  result_t out_q;
  logic unused_job;

  assign unused_job = ^{job_i.target, job_i.cmd};
  assign job_ready_o = !valid_q || result_ready_i;
  assign result_valid_o = valid_q;
  assign result_o = out_q;
  assign busy_o = valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      out_q <= '0;
    end else begin
      if (result_ready_i) valid_q <= 1'b0;
      if (job_valid_i && job_ready_o) begin
        valid_q <= 1'b1;
        out_q.meta <= job_i.meta;
        out_q.done <= '{status: job_i.status, position: job_i.position, default: '0};
      end
    end
  end

  a_result_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    result_valid_o && !result_ready_i |=> result_valid_o && $stable(result_o.meta.job_id));

endmodule
