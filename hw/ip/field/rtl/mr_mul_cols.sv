// Columns of a product of limb vectors: c_o[k] = sum over i + j = k of a_i[i] * b_i[j], for k in ColLo..ColHi.
//
// a * b = sum of c[k] * 2^(29 k) over all 17 columns; columns outside ColLo..ColHi are not built and read zero. No carry is
// resolved here: each column is a 64-bit integer.
//
// Ranges: at most nine products meet in a column, so 9 * 2^(bits of a limb of a + of b) < 2^64 must hold for the values that occur
// (30 + 30 bits are safe for elements, whose top limb is short: eight full products and two short ones).
// Latency 2 (three partial sums of at most three products; their sum), one product a cycle. A stage without a valid
// operand keeps its value.
// Not in waveforms: a model built for tracing would keep every product as a signal. Its users' ports are traced.
/* verilator tracing_off */
module mr_mul_cols
  import mr_field_pkg::*;
#(
  /// Bits of a limb of a_i and b_i, 1..32.
  parameter int unsigned ABits = 30,
  parameter int unsigned BBits = 30,
  /// First and last column wanted, 0 <= ColLo <= ColHi <= 16.
  parameter int unsigned ColLo = 0,
  parameter int unsigned ColHi = Cols - 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             valid_i,
  input  logic [ABits-1:0] a_i[Limbs],
  input  logic [BBits-1:0] b_i[Limbs],
  output logic             valid_o,
  output logic [63:0]      c_o[Cols]
);

  // Rows of `a` in one partial sum, and partial sums of a column.
  localparam int unsigned GroupRows = 3;
  localparam int unsigned Groups = Limbs / GroupRows;

  logic part_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      part_valid_q <= 1'b0;
      valid_o      <= 1'b0;
    end else begin
      part_valid_q <= valid_i;
      valid_o      <= part_valid_q;
    end
  end

  for (genvar k = 0; k < Cols; k++) begin : gen_col
    if (k < ColLo || k > ColHi) begin : gen_none
      assign c_o[k] = '0;
    end else begin : gen_sum
      logic [63:0] part[Groups]  /* verilator split_var */;
      logic [63:0] sum_q;

      for (genvar g = 0; g < Groups; g++) begin : gen_group
        // Row i meets column k in limb k - i of b.
        if (k < g * GroupRows || k > (g + 1) * GroupRows - 1 + Limbs - 1) begin : gen_empty
          assign part[g] = '0;
        end else begin : gen_part
          logic [63:0] prod[GroupRows]  /* verilator split_var */;
          logic [63:0] part_q;

          for (genvar t = 0; t < GroupRows; t++) begin : gen_prod
            localparam int unsigned Row = g * GroupRows + t;
            if (k >= Row && k - Row < Limbs) begin : gen_leaf
              mr_mul_leaf #(
                .ABits(ABits),
                .BBits(BBits)
              ) u_leaf (
                .a_i(a_i[Row]),
                .b_i(b_i[k-Row]),
                .p_o(prod[t])
              );
            end else begin : gen_zero
              assign prod[t] = '0;
            end
          end

          always_ff @(posedge clk_i) begin
            if (valid_i) part_q <= prod[0] + prod[1] + prod[2];
          end

          assign part[g] = part_q;
        end
      end

      always_ff @(posedge clk_i) begin
        if (part_valid_q) sum_q <= part[0] + part[1] + part[2];
      end

      assign c_o[k] = sum_q;
    end
  end

endmodule
/* verilator tracing_on */
