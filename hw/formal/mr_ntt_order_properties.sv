// mr_ntt_order: for every length the pairs address each value exactly once, a and b lie in different banks, and the
// reversed order is the bit reversal written out bit by bit.
// formal: ntt_order prove 2 -GLogMax=5
module mr_ntt_order_properties #(
  parameter int unsigned LogMax = 5
) (
  input  logic                        clk_i,
  input  logic [$clog2(LogMax+1)-1:0] log_n_i,
  input  logic                        reverse_i,
  input  logic [LogMax-2:0]           pair_i,
  input  logic [LogMax-2:0]           other_i,
  output logic                        assume_length,
  output logic                        assume_pairs,
  output logic                        ok_banks,
  output logic                        ok_once,
  output logic                        ok_reversal
);

  logic [LogMax:0]   n;
  logic [LogMax-1:0] a, b, other_a, other_b;
  assign n             = (LogMax+1)'(1) << log_n_i;
  assign assume_length = log_n_i >= 1 && log_n_i <= LogMax;
  assign assume_pairs  = {1'b0, pair_i, 1'b1} < n && {1'b0, other_i, 1'b1} < n && pair_i != other_i || n == 2;

  mr_ntt_order #(.LogMax(LogMax)) u_dut (.log_n_i, .reverse_i, .pair_i, .a_o(a), .b_o(b));
  mr_ntt_order #(.LogMax(LogMax)) u_other (.log_n_i, .reverse_i, .pair_i(other_i), .a_o(other_a), .b_o(other_b));

  logic single;
  assign single   = n == 2;   // one pair: nothing to compare with
  assign ok_banks = (^a) != (^b);
  assign ok_once  = single || ({1'b0, a} < n && {1'b0, b} < n && a != other_a && a != other_b && b != other_a && b != other_b);

  // Bit i of the address of value v is bit log_n - 1 - i of v.
  always_comb begin
    ok_reversal = 1'b1;
    for (int i = 0; i < LogMax; i++) begin
      for (int k = 0; k < LogMax; k++) begin
        if (!single && i + k + 1 == int'(log_n_i)) begin
          if (a[i] != (reverse_i ? {pair_i, 1'b0} >> k & 1'b1 : {pair_i, 1'b0} >> i & 1'b1)) ok_reversal = 1'b0;
          if (b[i] != (reverse_i ? {pair_i, 1'b1} >> k & 1'b1 : {pair_i, 1'b1} >> i & 1'b1)) ok_reversal = 1'b0;
        end
      end
    end
  end

  logic unused_clk;
  assign unused_clk = clk_i;

endmodule
