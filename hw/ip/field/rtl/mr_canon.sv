// Last step of a reduction: r_i in [0, 2m) as normalised limbs, r_o = r_i mod m as a canonical 254-bit integer.
//
// Latency 3 (r - m, lower half; upper half; choice by the borrow), one a cycle.
// Not in waveforms: a model built for tracing would keep every product as a signal. Its users' ports are traced.
/* verilator tracing_off */
module mr_canon
  import mr_field_pkg::*;
#(
  /// 0: Fq, 1: Fr.
  parameter bit Field = FieldFq
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                valid_i,
  input  logic [LimbBits-1:0] r_i[Limbs],
  output logic                valid_o,
  output logic [253:0]        r_o
);

  localparam logic [260:0] M = 261'(modulus(Field));
  localparam int unsigned LowLimbs = 4;

  // Bit 31 of a difference of two limbs (minus a borrow) is its sign.
  logic [31:0] diff[Limbs]  /* verilator split_var */;
  logic [LimbBits-1:0] r1_q[Limbs]  /* verilator split_var */;  // r, after stages 1 and 2
  logic [LimbBits-1:0] r2_q[Limbs]  /* verilator split_var */;
  logic [LimbBits-1:0] d1_q[LowLimbs]  /* verilator split_var */;  // r - m: lower limbs after stage 1, all after stage 2
  logic [LimbBits-1:0] d2_q[Limbs]  /* verilator split_var */;
  logic valid1_q, valid2_q, borrow1_q, borrow2_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid1_q <= 1'b0;
      valid2_q <= 1'b0;
      valid_o  <= 1'b0;
    end else begin
      valid1_q <= valid_i;
      valid2_q <= valid1_q;
      valid_o  <= valid2_q;
    end
  end

  for (genvar i = 0; i < Limbs; i++) begin : gen_limb
    localparam logic [31:0] MLimb = 32'(limb(M, i));

    if (i == 0) begin : gen_first
      assign diff[i] = 32'(r_i[i]) - MLimb;
    end else if (i < LowLimbs) begin : gen_low
      assign diff[i] = 32'(r_i[i]) - MLimb - 32'(diff[i-1][31]);
    end else if (i == LowLimbs) begin : gen_border
      assign diff[i] = 32'(r1_q[i]) - MLimb - 32'(borrow1_q);
    end else begin : gen_high
      assign diff[i] = 32'(r1_q[i]) - MLimb - 32'(diff[i-1][31]);
    end

    always_ff @(posedge clk_i) begin
      if (valid_i) r1_q[i] <= r_i[i];
      if (valid1_q) r2_q[i] <= r1_q[i];
    end

    if (i < LowLimbs) begin : gen_low_reg
      always_ff @(posedge clk_i) begin
        if (valid_i) d1_q[i] <= LimbBits'(diff[i]);
        if (valid1_q) d2_q[i] <= d1_q[i];
      end
    end else begin : gen_high_reg
      always_ff @(posedge clk_i) begin
        if (valid1_q) d2_q[i] <= LimbBits'(diff[i]);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) borrow1_q <= diff[LowLimbs-1][31];
    if (valid1_q) borrow2_q <= diff[Limbs-1][31];
  end

  // Below m the subtraction borrows and r itself is the answer.
  logic [Limbs*LimbBits-1:0] r_packed, d_packed;
  for (genvar i = 0; i < Limbs; i++) begin : gen_pack
    assign r_packed[i*LimbBits+:LimbBits] = r2_q[i];
    assign d_packed[i*LimbBits+:LimbBits] = d2_q[i];
  end

  // Both candidates lie below 2m < 2^255, the one chosen below 2^254.
  logic unused_top;
  assign unused_top = ^{r_packed[Limbs*LimbBits-1:254], d_packed[Limbs*LimbBits-1:254]};

  always_ff @(posedge clk_i) begin
    if (valid2_q) r_o <= borrow2_q ? r_packed[253:0] : d_packed[253:0];
  end

endmodule
/* verilator tracing_on */
