// Butterfly sequencer: the addresses, twiddle index and sign of every butterfly of a transform.
//
// Stage s (half = 2^s) has n/2 butterflies i on the addresses a = i with a 0 inserted at bit s, b = a + half. Let j = i mod half.
// With w = ω_2N, N = 2^LogMax, the twiddle is w^e with
//
//   e = (2j + coset) · 2^(LogMax - 1 - s)      that is ω_(2·half)^j, or ω_(4·half)^(2j+1) on the coset
//
// Forward runs s = 0 .. log_n - 1 (decimation in time), inverse the same stages backwards (decimation in frequency, the exact
// inverse of each stage) with w^-e = -w^(N-e): the index is then N - e mod N and `neg_o` is set unless e = 0. The coset shift is
// part of the twiddles, as Σ x[j] (ω_2n ω_n^k)^j splits into even and odd j like the plain sum, with ω_2n for its root.
//
// One butterfly a cycle. Stages overlap as far as the data allow: butterfly i of the next stage reads what butterflies
// up to i + 2^min(s, s') of this one wrote, s' being the next stage, and a result can be read Latency cycles after its
// butterfly was issued. So the next stage starts max(n/2, 2^min(s, s') + Latency) cycles after this one, which
// is without any gap for n >= 4·Latency; after the last stage the pipeline drains.
module mr_ntt_seq #(
  parameter int unsigned LogMax  = 13,
  /// Cycles from the issue of a butterfly to the first in which a read sees its results.
  parameter int unsigned Latency = 32
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,

  /// One cycle; the sequencer is idle. `log_n_i` 1..LogMax; all four are stable until `done_o`.
  input  logic                        start_i,
  input  logic [$clog2(LogMax+1)-1:0] log_n_i,
  input  logic                        inverse_i,
  input  logic                        coset_i,

  output logic                        valid_o,
  output logic [LogMax-1:0]           a_o,
  output logic [LogMax-1:0]           b_o,
  output logic [LogMax-1:0]           twiddle_o,
  output logic                        neg_o,
  /// One cycle: every result can be read from the next cycle on.
  output logic                        done_o
);

  localparam int unsigned LogW  = $clog2(LogMax + 1);
  localparam int unsigned StepW = $clog2((1 << LogMax) + Latency + 1);

  logic              busy_q;
  logic [LogW-1:0]   left_q;      // stages after this one
  logic [StepW-1:0]  step_q;      // cycles since the stage began; butterfly i is issued at step i
  logic [LogMax-1:0] half_q;      // 2^s
  logic [LogMax-1:0] unit_q;      // 2^(LogMax - 1 - s): twiddle exponent of half a step
  logic [LogMax-1:0] exp_q;       // e

  logic [LogMax-1:0] pairs, low_mask, index;
  logic [StepW-1:0]  reach, next_step;
  logic              issue, stage_done;

  assign pairs     = LogMax'((LogMax+1)'(1) << log_n_i >> 1);
  assign low_mask  = half_q - 1'b1;
  assign index     = step_q[LogMax-1:0];
  assign next_step = step_q + 1'b1;
  assign issue     = busy_q && step_q < StepW'(pairs);

  logic [LogMax-1:0] first_unit, next_unit;
  assign first_unit = LogMax'((LogMax+1)'(1 << LogMax) >> log_n_i);
  assign next_unit  = inverse_i ? unit_q << 1 : unit_q >> 1;

  // How far behind the next stage must stay, without the latency: all of this stage after the last one.
  always_comb begin
    if (left_q == '0)   reach = StepW'(pairs);
    else if (inverse_i) reach = StepW'(half_q >> 1);
    else                reach = StepW'(half_q);
  end
  assign stage_done = busy_q && next_step >= StepW'(pairs) && next_step >= reach + StepW'(Latency);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
    end else if (start_i) begin
      busy_q <= 1'b1;
      left_q <= log_n_i - 1'b1;
      step_q <= '0;
      half_q <= inverse_i ? pairs : LogMax'(1);
      unit_q <= inverse_i ? first_unit : LogMax'(1 << (LogMax - 1));
      exp_q  <= !coset_i ? '0 : inverse_i ? first_unit : LogMax'(1 << (LogMax - 1));
    end else if (stage_done) begin
      busy_q <= left_q != '0;
      left_q <= left_q - 1'b1;
      step_q <= '0;
      half_q <= inverse_i ? half_q >> 1 : half_q << 1;
      unit_q <= next_unit;
      exp_q  <= coset_i ? next_unit : '0;
    end else if (busy_q) begin
      step_q <= next_step;
      // j wraps at half where the exponent wraps at N, as half · 2·unit = N.
      exp_q  <= exp_q + (unit_q << 1);
    end
  end

  // Registered, so that the memories see addresses from flip-flops.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_o <= 1'b0;
      done_o  <= 1'b0;
    end else begin
      valid_o <= issue;
      done_o  <= stage_done && left_q == '0;
    end
    if (issue) begin
      a_o       <= (index & low_mask) | ((index & ~low_mask) << 1);
      b_o       <= (index & low_mask) | ((index & ~low_mask) << 1) | half_q;
      twiddle_o <= inverse_i ? -exp_q : exp_q;
      neg_o     <= inverse_i && exp_q != '0;
    end
  end

`ifndef SYNTHESIS
  IdleAtStart: assert property (@(posedge clk_i) disable iff (!rst_ni) start_i |-> !busy_q);
  LogInRange: assert property (@(posedge clk_i) disable iff (!rst_ni)
      start_i |-> log_n_i != '0 && log_n_i <= LogW'(LogMax));
`endif

endmodule
