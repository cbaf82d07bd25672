// Sum in Fr: s = a + b mod r. Operands and result are canonical (below r).
//
// Cycle 1: t = a + b < 2r < 2^255. Cycle 2: t - r, which lies within ±2^254, if it is not negative, else t. Latency 2, II = 1.
module mr_ntt_add (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         valid_i,
  input  logic [253:0] a_i,
  input  logic [253:0] b_i,
  output logic         valid_o,
  output logic [253:0] s_o
);

  logic         valid_q;
  logic [254:0] t_q, less_r;
  assign less_r = t_q - {1'b0, mr_field_pkg::R};

  always_ff @(posedge clk_i) begin
    valid_q <= rst_ni && valid_i;
    valid_o <= rst_ni && valid_q;
    if (valid_i) t_q <= {1'b0, a_i} + {1'b0, b_i};
    if (valid_q) s_o <= less_r[254] ? t_q[253:0] : less_r[253:0];
  end

endmodule
