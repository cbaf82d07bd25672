// Difference in Fr: d = a - b mod r. Operands and result are canonical (below r).
//
// Cycle 1: t = a - b with its sign. Cycle 2: t + r if t is negative, else t. Latency 2, II = 1.
module mr_ntt_sub (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         valid_i,
  input  logic [253:0] a_i,
  input  logic [253:0] b_i,
  output logic         valid_o,
  output logic [253:0] d_o
);

  logic         valid_q;
  logic [254:0] t_q;   // two's complement

  always_ff @(posedge clk_i) begin
    valid_q <= rst_ni && valid_i;
    valid_o <= rst_ni && valid_q;
    if (valid_i) t_q <= {1'b0, a_i} - {1'b0, b_i};
    if (valid_q) d_o <= t_q[253:0] + (t_q[254] ? mr_field_pkg::R : 254'd0);
  end

endmodule
