// Leaf multiplier: p_o = a_i * b_i, combinational.
//
// The one place where `*` has operands above 27 bits: on an FPGA this cell is a tile of DSP slices (31 x 31 bits: four
// DSP48E2, or three with the Karatsuba trick), on an ASIC a multiplier macro. The registers around it belong to the user, and
// a synthesiser may retime them into the tile.
// The product is zero-extended to 64 bits: users add products in 64-bit columns.
// Not in waveforms: a model built for tracing would keep every product as a signal. Its users' ports are traced.
/* verilator tracing_off */
module mr_mul_leaf #(
  /// Bits of a_i, 1..32.
  parameter int unsigned ABits = 32,
  /// Bits of b_i, 1..32.
  parameter int unsigned BBits = 32
) (
  input  logic [ABits-1:0] a_i,
  input  logic [BBits-1:0] b_i,
  output logic [63:0]      p_o
);

  if (ABits < 1 || ABits > 32 || BBits < 1 || BBits > 32) begin : gen_illegal
    $error("mr_mul_leaf: operands have 1..32 bits");
  end

  assign p_o = 64'(a_i) * 64'(b_i);

endmodule
/* verilator tracing_on */
