// What hw/lint_rules.py must find: lint.sh elaborates this module first and fails if it passes. Never part of a design.
module lint_planted (
  input  logic [31:0] a_i,
  input  logic [27:0] b_i,
  input  logic [26:0] c_i,
  output logic [59:0] wide_o,    // found
  output logic [53:0] narrow_o,  // allowed: 27 bits
  output logic [31:0] rest_o,    // found
  output logic [31:0] ratio_o    // found
);
  assign wide_o   = 60'(c_i) * 60'(b_i);
  assign narrow_o = 54'(c_i) * 54'(c_i);
  assign rest_o   = a_i % 32'd7;
  assign ratio_o  = a_i / 32'd7;
endmodule
