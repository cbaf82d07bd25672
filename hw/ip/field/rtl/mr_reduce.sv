// Barrett reduction of a product in columns: r_o = x mod m up to one modulus, as nine normalised limbs.
//
// x = sum of c_i[k] * 2^(29 k), each column below 2^64 - 2^36, x < 2^(Split + 261). Result: r = x - q*m with 0 <= r < 2m, limbs of 29 bits.
//
//   h  = floor-like(x / 2^Split)                     nine limbs of at most 31 bits, carries resolved one limb far only
//   q  = floor-like(h * mu / 2^261), mu = floor(2^(Split + 261) / m)     columns 7..16 of the product only
//   r  = (x - q * m) mod 2^261                       columns 0..8 only, exact
//
// Why 0 <= r < 2m. Every step rounds down and the sum of what is dropped is bounded, in units of q:
//   1. h drops (below its limb 0) the low o = Split - 232 bits of column 8 with the carry of column 7, and 29 bits of column 7, and columns 0..6:
//      less than (2^Split + 2^232 + 2^239) / m                                    < 0.166 (Split 251), < 0.331 (Split 252)
//   2. mu drops frac(2^(Split + 261) / m) * x / 2^(Split + 261)                   < 0.142 (251), < 0.283 (252), as x < 2^(Split + 261)
//   3. columns 0..6 of h * mu: 7 * 2^(30.1 + 29 + 174) * 1.01 / 2^261             < 2^-24
//   4. q drops the low 29 bits of column 8 and of column 7                        < 1 + 2^-29
// Nothing is rounded up, so q <= x/m and r >= 0; the sum is below 1.62, so r < 1.62 m. For x <= 3 m^2 and Split 251, item 2 is below 0.016 and
// r < 1.19 m. (hw/ip/field/dv/bounds.py recomputes these figures with exact fractions.)
// Since 2m < 2^256 < 2^261, r is right although only its low 261 bits are computed.
//
// Latency 9, one a cycle:
//   1 h limbs, low columns to 36 bits   2-3 columns of h * mu   4 q limbs   5-6 columns of q * m   7-9 difference with carries, three limbs each
module mr_reduce
  import mr_field_pkg::*;
#(
  /// 0: Fq, 1: Fr.
  parameter bit          Field = FieldFq,
  /// Where x is cut: 252 (x < 2^513) or 251 (x < 2^512, tighter result).
  parameter int unsigned Split = 252
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                valid_i,
  input  logic [63:0]         c_i[Cols],
  output logic                valid_o,
  output logic [LimbBits-1:0] r_o[Limbs]
);

  if (Split != 251 && Split != 252) begin : gen_illegal
    $error("mr_reduce: Split is 251 or 252");
  end

  localparam int unsigned Off = Split - 232;
  localparam logic [260:0] M = 261'(modulus(Field));
  localparam logic [260:0] Mu = barrett_mu(Field, Split);
  localparam logic [63:0] Mask = (64'd1 << LimbBits) - 64'd1;
  localparam logic [63:0] MaskOff = (64'd1 << Off) - 64'd1;

  // Constants as limb vectors.
  logic [LimbBits-1:0] m_limb[Limbs]  /* verilator split_var */;
  logic [LimbBits-1:0] mu_limb[Limbs]  /* verilator split_var */;
  for (genvar i = 0; i < Limbs; i++) begin : gen_const
    assign m_limb[i]  = limb(M, i);
    assign mu_limb[i] = limb(Mu, i);
  end

  // Stage 1: h, and the low columns with their carry moved up one limb (less than 2^36 each).
  logic        h_valid_q;
  logic [30:0] h_q[Limbs]  /* verilator split_var */;
  logic [63:0] c8;
  assign c8 = c_i[8] + (c_i[7] >> LimbBits);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) h_valid_q <= 1'b0;
    else h_valid_q <= valid_i;
  end

  for (genvar j = 0; j < Limbs; j++) begin : gen_h
    logic [63:0] above, here, below;
    if (j + 9 < Cols) begin : gen_above
      assign above = c_i[j+9];
    end else begin : gen_top
      assign above = '0;
    end
    if (j == 0) begin : gen_bottom
      assign here  = c8;
      assign below = '0;
    end else if (j == 1) begin : gen_second
      assign here  = c_i[9];
      assign below = c8;
    end else begin : gen_here
      assign here  = c_i[j+8];
      assign below = c_i[j+7];
    end

    always_ff @(posedge clk_i) begin
      if (valid_i) begin
        h_q[j] <= 31'(((above & MaskOff) << (LimbBits - Off)) + ((here >> Off) & Mask) + (below >> (Off + LimbBits)));
      end
    end
  end

  logic [35:0] low[Limbs]  /* verilator split_var */;
  for (genvar i = 0; i < Limbs; i++) begin : gen_low
    if (i == 0) begin : gen_first
      assign low[i] = 36'(c_i[0] & Mask);
    end else begin : gen_next
      assign low[i] = 36'((c_i[i] & Mask) + (c_i[i-1] >> LimbBits));
    end
  end

  // Stages 2 and 3: columns 7..16 of h * mu.
  logic        hm_valid;
  logic [63:0] hm[Cols];
  mr_mul_cols #(
    .ABits(31),
    .BBits(LimbBits),
    .ColLo(7)
  ) u_h_mu (
    .clk_i,
    .rst_ni,
    .valid_i(h_valid_q),
    .a_i    (h_q),
    .b_i    (mu_limb),
    .valid_o(hm_valid),
    .c_o    (hm)
  );

  // Stage 4: limbs of q.
  logic        q_valid_q;
  logic [30:0] q_q[Limbs]  /* verilator split_var */;
  logic [63:0] hm8;
  assign hm8 = hm[8] + (hm[7] >> LimbBits);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) q_valid_q <= 1'b0;
    else q_valid_q <= hm_valid;
  end

  for (genvar j = 0; j < Limbs; j++) begin : gen_q
    logic [63:0] here, below, below2;
    if (j + 9 < Cols) begin : gen_here
      assign here = hm[j+9];
    end else begin : gen_top
      assign here = '0;
    end
    if (j == 0) begin : gen_bottom
      assign below  = hm8;
      assign below2 = '0;
    end else if (j == 1) begin : gen_second
      assign below  = hm[9];
      assign below2 = hm8;
    end else begin : gen_below
      assign below  = hm[j+8];
      assign below2 = hm[j+7];
    end

    always_ff @(posedge clk_i) begin
      if (hm_valid) begin
        q_q[j] <= 31'((here & Mask) + ((below >> LimbBits) & Mask) + (below2 >> (2 * LimbBits)));
      end
    end
  end

  // Stages 5 and 6: columns 0..8 of q * m.
  logic        qm_valid;
  logic [63:0] qm[Cols];
  mr_mul_cols #(
    .ABits(31),
    .BBits(LimbBits),
    .ColHi(8)
  ) u_q_m (
    .clk_i,
    .rst_ni,
    .valid_i(q_valid_q),
    .a_i    (q_q),
    .b_i    (m_limb),
    .valid_o(qm_valid),
    .c_o    (qm)
  );

  // The low columns wait for stages 2..6.
  localparam int unsigned Wait = 6;
  logic [Wait-1:0] wait_valid;
  logic [35:0]     wait_low[Wait+1][Limbs]  /* verilator split_var */;

  assign wait_valid[0] = valid_i;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) wait_valid[Wait-1:1] <= '0;
    else wait_valid[Wait-1:1] <= wait_valid[Wait-2:0];
  end

  for (genvar i = 0; i < Limbs; i++) begin : gen_wait
    assign wait_low[0][i] = low[i];
    for (genvar s = 0; s < Wait; s++) begin : gen_stage
      logic [35:0] low_q;
      always_ff @(posedge clk_i) begin
        if (wait_valid[s]) low_q <= wait_low[s][i];
      end
      assign wait_low[s+1][i] = low_q;
    end
  end

  // Stages 7..9: limbs of x - q*m, three a stage. The bias keeps every term positive: 2^63 in limb 0, 2^63 - 2^34 in the others,
  // together 2^(63 + 232), a multiple of 2^261. A term is below 2^63 + 2^37, a carry below 2^35.
  localparam int unsigned Steps = 3;
  localparam int unsigned StepLimbs = Limbs / Steps;

  logic [Steps:0] step_valid;
  assign step_valid[0] = qm_valid;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) step_valid[Steps:1] <= '0;
    else step_valid[Steps:1] <= step_valid[Steps-1:0];
  end

  // Before step s: limbs resolved by earlier steps, bare terms for the others.
  logic [63:0] bare[Steps+1][Limbs]  /* verilator split_var */;
  logic [34:0] carry[Steps+1]  /* verilator split_var */;
  assign carry[0] = '0;

  for (genvar i = 0; i < Limbs; i++) begin : gen_difference
    localparam logic [63:0] Bias = (i == 0) ? 64'd1 << 63 : (64'd1 << 63) - (64'd1 << 34);
    assign bare[0][i] = (64'(wait_low[Wait][i]) + Bias) - qm[i];
  end

  for (genvar s = 0; s < Steps; s++) begin : gen_step
    logic [63:0] term[StepLimbs]  /* verilator split_var */;
    logic [34:0] carry_q;

    for (genvar i = 0; i < Limbs; i++) begin : gen_limb
      logic [63:0] limb_q;
      if (i / StepLimbs != s) begin : gen_pass
        always_ff @(posedge clk_i) begin
          if (step_valid[s]) limb_q <= bare[s][i];
        end
      end else begin : gen_own
        if (i % StepLimbs == 0) begin : gen_carry_in
          assign term[0] = bare[s][i] + 64'(carry[s]);
        end else begin : gen_carry
          assign term[i%StepLimbs] = bare[s][i] + (term[i%StepLimbs-1] >> LimbBits);
        end
        always_ff @(posedge clk_i) begin
          if (step_valid[s]) limb_q <= term[i%StepLimbs] & Mask;
        end
      end
      assign bare[s+1][i] = limb_q;
    end

    always_ff @(posedge clk_i) begin
      if (step_valid[s]) carry_q <= 35'(term[StepLimbs-1] >> LimbBits);
    end
    assign carry[s+1] = carry_q;
  end

  assign valid_o = step_valid[Steps];
  for (genvar i = 0; i < Limbs; i++) begin : gen_out
    assign r_o[i] = LimbBits'(bare[Steps][i]);
  end

endmodule
