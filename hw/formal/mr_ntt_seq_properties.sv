// mr_ntt_seq: every butterfly of every stage once, with its twiddle, and never a read before the value is there.
//
// One run after a reset for every length, direction and coset flag, until it is done: the bounded check
// covers the whole of it, as `ok_done_in_time` says that no run is longer than the depth.
// formal: ntt_seq_3 bmc 40 -GLogMax=3 -GLatency=4
// formal: ntt_seq_3_long bmc 48 -GLogMax=3 -GLatency=7
// formal: ntt_seq_4 bmc 60 -GLogMax=4 -GLatency=3
module mr_ntt_seq_properties #(
  parameter int unsigned LogMax  = 3,
  parameter int unsigned Latency = 4,
  localparam int unsigned LogW   = $clog2(LogMax + 1)
) (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  logic            start_i,
  input  logic [LogW-1:0] log_n_i,
  input  logic            inverse_i,
  input  logic            coset_i,
  output logic            assume_one_run,
  output logic            assume_job,
  output logic            ok_butterfly,
  output logic            ok_twiddle,
  output logic            ok_hazard,
  output logic            ok_done,
  output logic            ok_done_in_time
);

  // Reset, start, then the run; the job's parameters do not change.
  logic [7:0]      cycle_q = 8'd0;
  logic [LogW-1:0] log_n_q;
  logic            inverse_q, coset_q;
  always_ff @(posedge clk_i) begin
    cycle_q   <= cycle_q + 1'b1;
    log_n_q   <= log_n_i;
    inverse_q <= inverse_i;
    coset_q   <= coset_i;
  end
  assign assume_one_run = rst_ni == (cycle_q != 8'd0) && start_i == (cycle_q == 8'd1);
  assign assume_job     = log_n_i >= 1 && log_n_i <= LogMax
      && (cycle_q == 8'd0 || (log_n_i == log_n_q && inverse_i == inverse_q && coset_i == coset_q));

  logic              dut_valid, dut_done, valid, neg, done;
  logic [LogMax-1:0] a, b, twiddle;
  assign valid = dut_valid && cycle_q != 8'd0;   // before the reset anything may be seen
  assign done  = dut_done && cycle_q != 8'd0;
  mr_ntt_seq #(.LogMax(LogMax), .Latency(Latency)) u_dut (
    .clk_i, .rst_ni, .start_i, .log_n_i, .inverse_i, .coset_i,
    .valid_o(dut_valid), .a_o(a), .b_o(b), .twiddle_o(twiddle), .neg_o(neg), .done_o(dut_done)
  );

  // The butterfly that must come next.
  logic [LogW:0]     stage_q;   // counts stages of this job
  logic [LogMax-1:0] index_q;
  logic [LogMax-1:0] pairs;
  assign pairs = LogMax'((LogMax+1)'(1) << log_n_i >> 1);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      stage_q <= '0;
      index_q <= '0;
    end else if (valid) begin
      stage_q <= stage_q + (LogW+1)'(index_q == pairs - 1'b1);
      index_q <= index_q == pairs - 1'b1 ? '0 : index_q + 1'b1;
    end
  end

  // Its addresses: index with a 0 or 1 inserted at bit s. Its twiddle: w^e, or -w^(N-e) for the inverse of w^e.
  logic [LogW:0]       s;
  logic [2*LogMax+1:0] low, high, e;
  assign s    = inverse_i ? (LogW+1)'(log_n_i) - 1'b1 - stage_q : stage_q;
  assign low  = (2*LogMax+2)'(index_q) % ((2*LogMax+2)'(1) << s);
  assign high = (2*LogMax+2)'(index_q) / ((2*LogMax+2)'(1) << s);
  assign e    = (2 * low + (2*LogMax+2)'(coset_i)) * ((2*LogMax+2)'(1 << (LogMax - 1)) >> s);

  assign ok_butterfly = !valid || ((2*LogMax+2)'(a) == ((2 * high) << s) + low
      && (2*LogMax+2)'(b) == ((2 * high + 1) << s) + low && stage_q < (LogW+1)'(log_n_i));
  assign ok_twiddle = !valid || (inverse_i
      ? (e == 0 ? twiddle == '0 && !neg : (2*LogMax+2)'(twiddle) == (1 << LogMax) - e && neg)
      : (2*LogMax+2)'(twiddle) == e && !neg);

  // Any one address (a register that never changes): at least Latency cycles between two butterflies that touch it.
  logic [LogMax-1:0] watched_q;
  logic [7:0]        since_q;   // cycles since the last touch; starts and stays at the top
  logic              touched;
  assign touched = valid && (a == watched_q || b == watched_q);
  always_ff @(posedge clk_i) begin
    watched_q <= watched_q;
    if (!rst_ni)              since_q <= '1;
    else if (touched)         since_q <= 8'd1;
    else if (since_q != '1)   since_q <= since_q + 1'b1;
  end
  assign ok_hazard = !touched || since_q >= 8'(Latency);

  // Done comes once, after all stages, when every result can be read in the next cycle.
  logic done_q;
  always_ff @(posedge clk_i) done_q <= rst_ni && (done_q || done);
  assign ok_done         = !done || (stage_q == (LogW+1)'(log_n_i) && since_q >= 8'(Latency) && !done_q);
  assign ok_done_in_time = (done_q && cycle_q != 8'd0) || cycle_q < 8'(LogMax * (1 << (LogMax - 1)) + LogMax * Latency + 8);

endmodule
