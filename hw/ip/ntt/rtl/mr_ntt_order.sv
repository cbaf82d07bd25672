// Addresses of the values 2j and 2j + 1, which share a beat, in natural or bit-reversed order.
//
//   natural   a = 2j             b = 2j + 1
//   reversed  a = rev(2j)        b = rev(2j + 1) = a + n/2         rev over log_n bits
//
// Either way a and b differ in one bit, as the value memory wants. Combinational.
module mr_ntt_order #(
  parameter int unsigned LogMax = 13
) (
  /// 1..LogMax.
  input  logic [$clog2(LogMax+1)-1:0] log_n_i,
  input  logic                        reverse_i,
  /// j < 2^(log_n - 1).
  input  logic [LogMax-2:0]           pair_i,
  output logic [LogMax-1:0]           a_o,
  output logic [LogMax-1:0]           b_o
);

  localparam int unsigned LogW = $clog2(LogMax + 1);

  logic [LogMax-1:0] natural, mirrored, reversed, top_bit;

  assign natural  = {pair_i, 1'b0};
  assign mirrored = {<<{natural}};                            // reversed over LogMax bits
  assign reversed = mirrored >> (LogW'(LogMax) - log_n_i);
  assign top_bit  = LogMax'((LogMax+1)'(1) << log_n_i >> 1);  // n/2

  assign a_o = reverse_i ? reversed : natural;
  assign b_o = a_o | (reverse_i ? top_bit : LogMax'(1));

endmodule
