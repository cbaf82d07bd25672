// Twiddle table: t[e] = w^e for 0 <= e < N = 2^LogMax, w = ω_2N, made on the chip by the engine's own multiplier.
//
// Built by doubling: t[0] = 1; pass k reads t[0 .. 2^k - 1] and writes t[2^k + j] = t[j] · w^(2^k), the constants w^(2^k) being
// roots of unity of order 2^(LogMax+1-k). The pipeline drains between passes, so that a pass reads what the last
// one wrote: N + LogMax·Latency cycles in all, once after reset. Products come back in order.
//
// While `build_busy_o` is high the engine feeds `factor_o` and the word read here to the multiplier for
// every `build_valid_o`, and returns the product on `product_i`. Reads take 2 cycles and never stall.
module mr_ntt_twiddle #(
  parameter int unsigned LogMax  = 13,
  /// Cycles from `build_valid_o` to the first in which a read sees the product.
  parameter int unsigned Latency = 32
) (
  input  logic              clk_i,
  input  logic              rst_ni,

  /// One cycle: build the table.
  input  logic              build_i,
  output logic              build_busy_o,
  output logic              build_valid_o,
  /// Stable while products of a pass are under way.
  output logic [253:0]      factor_o,
  input  logic              product_valid_i,
  input  logic [253:0]      product_i,

  /// Index of a twiddle, ignored while the table is built.
  input  logic [LogMax-1:0] rd_idx_i,
  output logic [253:0]      rd_o
);

  localparam int unsigned PassW = $clog2(LogMax + 1);
  localparam int unsigned StepW = $clog2((1 << LogMax) + Latency + 1);

  logic [253:0] table_q [1 << LogMax];

  logic              busy_q;
  logic [PassW-1:0]  pass_q;
  logic [StepW-1:0]  step_q;
  logic [LogMax-1:0] length_q;    // 2^pass
  logic [LogMax-1:0] wr_idx_q;
  logic [253:0]      rd_q;
  logic              pass_done, last_pass, wr_valid;
  logic [LogMax-1:0] wr_idx, rd_idx;
  logic [253:0]      wr_data;

  assign build_busy_o  = busy_q;
  assign build_valid_o = busy_q && step_q < StepW'(length_q);
  assign pass_done     = busy_q && step_q == StepW'(length_q) + StepW'(Latency) - 1'b1;
  assign last_pass     = pass_q == PassW'(LogMax - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
    end else if (build_i) begin
      busy_q   <= 1'b1;
      pass_q   <= '0;
      step_q   <= '0;
      length_q <= LogMax'(1);
      wr_idx_q <= LogMax'(1);
      factor_o <= mr_ntt_pkg::Root[LogMax + 1];
    end else if (busy_q) begin
      step_q <= pass_done ? '0 : step_q + 1'b1;
      if (pass_done) begin
        busy_q   <= !last_pass;
        pass_q   <= pass_q + 1'b1;
        length_q <= length_q << 1;
        factor_o <= mr_ntt_pkg::Root[5'(LogMax) - 5'(pass_q)];
      end
      if (product_valid_i) wr_idx_q <= wr_idx_q + 1'b1;
    end
  end

  assign wr_valid = build_i || (busy_q && product_valid_i);
  assign wr_idx   = build_i ? '0 : wr_idx_q;
  assign wr_data  = build_i ? 254'd1 : product_i;
  assign rd_idx   = busy_q ? step_q[LogMax-1:0] : rd_idx_i;

  always_ff @(posedge clk_i) begin
    if (wr_valid) table_q[wr_idx] <= wr_data;
    rd_q <= table_q[rd_idx];
    rd_o <= rd_q;
  end

`ifndef SYNTHESIS
  IdleAtBuild: assert property (@(posedge clk_i) disable iff (!rst_ni) build_i |-> !busy_q);
  AllWritten: assert property (@(posedge clk_i) disable iff (!rst_ni)
      pass_done && last_pass |-> wr_idx_q == '0);
`endif

endmodule
