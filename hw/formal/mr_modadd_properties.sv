// mr_modadd and mr_modsub: for all canonical operands of 254 bits the result is canonical and congruent, two cycles later.
//
// The sum is right if s < m and s = a + b or s = a + b - m, as integers; the difference likewise (modulo 2^256,
// where no negative number is below m). The pipeline has
// no feedback, so induction over its depth covers every state.
// formal: modadd_fq prove 4 -GField=0
// formal: modadd_fr prove 4 -GField=1
module mr_modadd_properties #(
  parameter bit Field = 0
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         valid_i,
  input  logic [253:0] a_i,
  input  logic [253:0] b_i,
  output logic         assume_reset_first,
  output logic         assume_canonical,
  output logic         ok_valid,
  output logic         ok_sum,
  output logic         ok_difference
);

  localparam logic [255:0] M = 256'(mr_field_pkg::modulus(Field));

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  assign assume_reset_first = started_q || !rst_ni;
  assign assume_canonical   = 256'(a_i) < M && 256'(b_i) < M;

  logic         sum_valid, difference_valid;
  logic [253:0] s, d;
  mr_modadd #(.Field(Field)) u_add (.clk_i, .rst_ni, .valid_i, .a_i, .b_i, .valid_o(sum_valid), .s_o(s));
  mr_modsub #(.Field(Field)) u_sub (.clk_i, .rst_ni, .valid_i, .a_i, .b_i, .valid_o(difference_valid), .d_o(d));

  logic         valid1_q, valid2_q;
  logic [255:0] a1_q, a2_q, b1_q, b2_q;
  always_ff @(posedge clk_i) begin
    valid1_q <= rst_ni && valid_i;
    valid2_q <= rst_ni && valid1_q;
    a1_q <= 256'(a_i);
    b1_q <= 256'(b_i);
    a2_q <= a1_q;
    b2_q <= b1_q;
  end

  assign ok_valid = !started_q || (sum_valid == valid2_q && difference_valid == valid2_q);
  assign ok_sum = !started_q || !sum_valid
      || (256'(s) < M && (256'(s) == a2_q + b2_q || 256'(s) + M == a2_q + b2_q));
  assign ok_difference = !started_q || !difference_valid
      || (256'(d) < M && (256'(d) == a2_q - b2_q || 256'(d) == a2_q - b2_q + M));

endmodule
