// mr_modadd and mr_modsub side by side, on the same operands.
module mr_modaddsub_tb #(
  parameter bit Field = 1'b0
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         valid_i,
  input  logic [253:0] a_i,
  input  logic [253:0] b_i,
  output logic         sum_valid_o,
  output logic [253:0] sum_o,
  output logic         diff_valid_o,
  output logic [253:0] diff_o
);

  mr_modadd #(
    .Field(Field)
  ) u_add (
    .clk_i,
    .rst_ni,
    .valid_i,
    .a_i,
    .b_i,
    .valid_o(sum_valid_o),
    .s_o    (sum_o)
  );

  mr_modsub #(
    .Field(Field)
  ) u_sub (
    .clk_i,
    .rst_ni,
    .valid_i,
    .a_i,
    .b_i,
    .valid_o(diff_valid_o),
    .d_o    (diff_o)
  );

endmodule
