// Radix-2 butterfly over Fr, both directions with one multiplier.
//
//   forward   x = a + w·b           y = a - w·b
//   inverse   x = (a + b)/2         y = w·(a - b)/2, with b - a when `neg_i` is set
//
// so that the inverse undoes the forward butterfly with w^-1 = ±w in the table, and the halvings of all stages make n^-1.
// Adders with a zero operand stand for delay lines: the two directions share one path.
//
//   halve (1) → u = a + b, v = a - b (ModAddLatency) → v·w (ModMulLatency), u delayed → u + p, u - p (ModAddLatency)
//
// II = 1, no back-pressure, latency 1 + 2·ModAddLatency + ModMulLatency. All operands and results are canonical (below r).
module mr_ntt_butterfly (
  input  logic         clk_i,
  input  logic         rst_ni,

  /// Stable while operands are under way.
  input  logic         inverse_i,

  input  logic         valid_i,
  input  logic         neg_i,
  input  logic [253:0] a_i,
  input  logic [253:0] b_i,
  input  logic [253:0] w_i,

  output logic         valid_o,
  output logic [253:0] x_o,
  output logic [253:0] y_o
);

  // Halved and whole operands, with the operands of the subtraction in their final order.
  logic         valid_q, neg_q;
  logic [253:0] a_half, b_half, a_q, b_q;
  mr_ntt_halve u_halve_a (.clk_i, .valid_i(valid_i && inverse_i), .x_i(a_i), .h_o(a_half));
  mr_ntt_halve u_halve_b (.clk_i, .valid_i(valid_i && inverse_i), .x_i(b_i), .h_o(b_half));
  always_ff @(posedge clk_i) begin
    valid_q <= rst_ni && valid_i;
    neg_q   <= neg_i;
    if (valid_i) begin
      a_q <= a_i;
      b_q <= b_i;
    end
  end

  logic [253:0] sum_a, sum_b, dif_a, dif_b;
  always_comb begin
    sum_a = a_q;
    sum_b = '0;
    dif_a = b_q;
    dif_b = '0;
    if (inverse_i) begin
      sum_a = a_half;
      sum_b = b_half;
      dif_a = neg_q ? b_half : a_half;
      dif_b = neg_q ? a_half : b_half;
    end
  end

  logic         pre_valid, unused_pre_valid;
  logic [253:0] u, v, u_late, w_late, product;
  logic         mul_valid;
  mr_modadd #(.Field(mr_field_pkg::FieldFr)) u_pre_add (
    .clk_i, .rst_ni, .valid_i(valid_q), .a_i(sum_a), .b_i(sum_b), .valid_o(pre_valid), .s_o(u)
  );
  mr_modsub #(.Field(mr_field_pkg::FieldFr)) u_pre_sub (
    .clk_i, .rst_ni, .valid_i(valid_q), .a_i(dif_a), .b_i(dif_b), .valid_o(unused_pre_valid), .d_o(v)
  );
  mr_delay #(.Width(254), .Depth(1 + mr_field_pkg::ModAddLatency)) u_delay_w (
    .clk_i, .rst_ni, .d_i(w_i), .q_o(w_late)
  );

  mr_modmul #(.Field(mr_field_pkg::FieldFr)) u_mul (
    .clk_i, .rst_ni, .valid_i(pre_valid), .a_i(v), .b_i(w_late), .valid_o(mul_valid), .p_o(product)
  );
  mr_delay #(.Width(254), .Depth(mr_field_pkg::ModMulLatency)) u_delay_u (
    .clk_i, .rst_ni, .d_i(u), .q_o(u_late)
  );

  logic [253:0] post_b, post_dif_a;
  logic         unused_post_valid;
  assign post_b     = inverse_i ? '0 : product;
  assign post_dif_a = inverse_i ? product : u_late;
  mr_modadd #(.Field(mr_field_pkg::FieldFr)) u_post_add (
    .clk_i, .rst_ni, .valid_i(mul_valid), .a_i(u_late), .b_i(post_b), .valid_o, .s_o(x_o)
  );
  mr_modsub #(.Field(mr_field_pkg::FieldFr)) u_post_sub (
    .clk_i, .rst_ni, .valid_i(mul_valid), .a_i(post_dif_a), .b_i(post_b),
    .valid_o(unused_post_valid), .d_o(y_o)
  );

endmodule
