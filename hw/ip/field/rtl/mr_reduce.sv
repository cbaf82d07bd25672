// Barrett reduction of a product in columns: r_o = x mod m up to one modulus, as nine normalised limbs.
//
// x = sum of c_i[k] * 2^(29 k), each column below 2^64 - 2^36, x < 2^(Split + 261). Result: r = x - q*m with 0 <= r < 2m, limbs of 29 bits.
//
//   h  = floor-like(x / 2^Split)                     nine limbs of at most 31 bits, carries resolved one limb far only
//   q  = floor-like(h * mu / 2^261)                  columns 7..16 only; mu = floor(2^(Split + 261) / m)
//   r  = (x - q * m) mod 2^261                       columns 0..8 only, exact
//
// Why 0 <= r < 2m. Every step rounds down and the sum of what is dropped is bounded, in units of q:
//   1. h drops the low Split - 232 bits of column 8 (with the carry of column 7), 29 bits of column 7, and columns 0..6:
//      less than (2^Split + 2^232 + 2^239) / m                                    < 0.166 (Split 251), < 0.331 (Split 252)
//   2. mu drops frac(2^(Split + 261) / m) * x / 2^(Split + 261)                   < 0.142 (251), < 0.283 (252), as x < 2^(Split + 261)
//   3. columns 0..6 of h * mu: 7 * 2^(30.1 + 29 + 174) * 1.01 / 2^261             < 2^-24
//   4. q drops the low 29 bits of column 8 and of column 7                        < 1 + 2^-29
// Nothing is rounded up, so q <= x/m and r >= 0; the sum is below 1.62, so r < 1.62 m. For x <= 3 m^2 and Split 251, item 2 is
// below 0.016 and r < 1.19 m. (hw/ip/field/dv/bounds.py recomputes these figures with exact fractions.)
// Since 2m < 2^256 < 2^261, r is right although only its low 261 bits are computed.
//
// Latency 9, one a cycle:
//   1 h limbs, low columns to 36 bits   2-3 columns of h * mu   4 q limbs   5-6 columns of q * m
//   7-9 difference with carries, three limbs each
// Not in waveforms: a model built for tracing would keep every product as a signal. Its users' ports are traced.
/* verilator tracing_off */
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

  // Bit s: stage s + 1 holds an operand.
  logic [ReduceLatency-1:0] valid_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[ReduceLatency-2:0], valid_i};
  end

  // Stage 1: h. Limb j holds 29 bits of column j + 8 above the cut, what columns below reach into it, and the low bits of the column above.
  logic [30:0] h_q[Limbs]  /* verilator split_var */;
  for (genvar j = 0; j < Limbs; j++) begin : gen_h
    logic [63:0] above;
    if (j + 9 < Cols) begin : gen_above
      assign above = (c_i[j+9] & MaskOff) << (LimbBits - Off);
    end else begin : gen_top
      assign above = '0;
    end

    if (j == 0) begin : gen_first
      always_ff @(posedge clk_i) begin
        if (valid_i) h_q[j] <= 31'(above + (((c_i[8] + (c_i[7] >> LimbBits)) >> Off) & Mask));
      end
    end else if (j == 1) begin : gen_second
      always_ff @(posedge clk_i) begin
        if (valid_i) h_q[j] <= 31'(above + ((c_i[9] >> Off) & Mask) + ((c_i[8] + (c_i[7] >> LimbBits)) >> (Off + LimbBits)));
      end
    end else begin : gen_other
      always_ff @(posedge clk_i) begin
        if (valid_i) h_q[j] <= 31'(above + ((c_i[j+8] >> Off) & Mask) + (c_i[j+7] >> (Off + LimbBits)));
      end
    end
  end

  // Stages 2 and 3: columns 7..16 of h * mu.
  logic [63:0] hm[Cols]  /* verilator split_var */;
  logic        hm_valid;
  mr_mul_cols #(
    .ABits(31),
    .BBits(LimbBits),
    .ColLo(7)
  ) u_h_mu (
    .clk_i,
    .rst_ni,
    .valid_i(valid_q[0]),
    .a_i    (h_q),
    .b_i    (mu_limb),
    .valid_o(hm_valid),
    .c_o    (hm)
  );

  // Stage 4: limbs of q, from bit 29 of column 8 upwards.
  logic [30:0] q_q[Limbs]  /* verilator split_var */;
  for (genvar j = 0; j < Limbs; j++) begin : gen_q
    if (j == 0) begin : gen_first
      always_ff @(posedge clk_i) begin
        if (hm_valid) q_q[j] <= 31'((hm[9] & Mask) + (((hm[8] + (hm[7] >> LimbBits)) >> LimbBits) & Mask));
      end
    end else if (j == 1) begin : gen_second
      always_ff @(posedge clk_i) begin
        if (hm_valid) begin
          q_q[j] <= 31'((hm[10] & Mask) + ((hm[9] >> LimbBits) & Mask) + ((hm[8] + (hm[7] >> LimbBits)) >> (2 * LimbBits)));
        end
      end
    end else if (j + 9 < Cols) begin : gen_other
      always_ff @(posedge clk_i) begin
        if (hm_valid) q_q[j] <= 31'((hm[j+9] & Mask) + ((hm[j+8] >> LimbBits) & Mask) + (hm[j+7] >> (2 * LimbBits)));
      end
    end else begin : gen_last
      always_ff @(posedge clk_i) begin
        if (hm_valid) q_q[j] <= 31'(((hm[j+8] >> LimbBits) & Mask) + (hm[j+7] >> (2 * LimbBits)));
      end
    end
  end

  // Stages 5 and 6: columns 0..8 of q * m.
  logic [63:0] qm[Cols]  /* verilator split_var */;
  logic        qm_valid;
  mr_mul_cols #(
    .ABits(31),
    .BBits(LimbBits),
    .ColHi(8)
  ) u_q_m (
    .clk_i,
    .rst_ni,
    .valid_i(valid_q[3]),
    .a_i    (q_q),
    .b_i    (m_limb),
    .valid_o(qm_valid),
    .c_o    (qm)
  );

  // Beside stages 1..6: the low columns, their carry moved up one limb (each below 2^36).
  localparam int unsigned Wait = 6;
  logic [35:0] low[Limbs]  /* verilator split_var */;
  for (genvar i = 0; i < Limbs; i++) begin : gen_low
    logic [35:0] wait_q[Wait]  /* verilator split_var */;

    if (i == 0) begin : gen_first
      always_ff @(posedge clk_i) begin
        if (valid_i) wait_q[0] <= 36'(c_i[0] & Mask);
      end
    end else begin : gen_next
      always_ff @(posedge clk_i) begin
        if (valid_i) wait_q[0] <= 36'((c_i[i] & Mask) + (c_i[i-1] >> LimbBits));
      end
    end

    for (genvar s = 1; s < Wait; s++) begin : gen_stage
      always_ff @(posedge clk_i) begin
        if (valid_q[s-1]) wait_q[s] <= wait_q[s-1];
      end
    end
    assign low[i] = wait_q[Wait-1];
  end

  // Stages 7..9: limbs of x - q*m, three a stage. The bias keeps every term positive: 2^63 in limb 0, 2^63 - 2^34 in the others,
  // together 2^(63 + 232), a multiple of 2^261. A term is below 2^63 + 2^37, a carry below 2^35.
  localparam logic [63:0] BiasFirst = 64'd1 << 63;
  localparam logic [63:0] BiasNext = (64'd1 << 63) - (64'd1 << 34);
  logic [LimbBits-1:0] r7_q[3]  /* verilator split_var */;
  logic [LimbBits-1:0] r8_q[6]  /* verilator split_var */;
  logic [LimbBits-1:0] r9_q[9]  /* verilator split_var */;
  logic [63:0]         bare7_q[Limbs]  /* verilator split_var */;  // x - q*m without carry, limbs 3..8
  logic [63:0]         bare8_q[Limbs]  /* verilator split_var */;  // limbs 6..8
  logic [34:0]         carry7_q, carry8_q;

  always_ff @(posedge clk_i) begin
    if (qm_valid) begin
      automatic logic [63:0] t0 = (64'(low[0]) + BiasFirst) - qm[0];
      automatic logic [63:0] t1 = (64'(low[1]) + BiasNext) - qm[1] + (t0 >> LimbBits);
      automatic logic [63:0] t2 = (64'(low[2]) + BiasNext) - qm[2] + (t1 >> LimbBits);
      r7_q[0]  <= LimbBits'(t0);
      r7_q[1]  <= LimbBits'(t1);
      r7_q[2]  <= LimbBits'(t2);
      carry7_q <= 35'(t2 >> LimbBits);
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[6]) begin
      automatic logic [63:0] t3 = bare7_q[3] + 64'(carry7_q);
      automatic logic [63:0] t4 = bare7_q[4] + (t3 >> LimbBits);
      automatic logic [63:0] t5 = bare7_q[5] + (t4 >> LimbBits);
      r8_q[3]  <= LimbBits'(t3);
      r8_q[4]  <= LimbBits'(t4);
      r8_q[5]  <= LimbBits'(t5);
      carry8_q <= 35'(t5 >> LimbBits);
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[7]) begin
      automatic logic [63:0] t6 = bare8_q[6] + 64'(carry8_q);
      automatic logic [63:0] t7 = bare8_q[7] + (t6 >> LimbBits);
      automatic logic [LimbBits-1:0] t8 = LimbBits'(bare8_q[8] + (t7 >> LimbBits));
      r9_q[6] <= LimbBits'(t6);
      r9_q[7] <= LimbBits'(t7);
      r9_q[8] <= t8;
    end
  end

  for (genvar i = 0; i < Limbs; i++) begin : gen_steps
    if (i < 3) begin : gen_step7
      always_ff @(posedge clk_i) begin
        if (valid_q[6]) r8_q[i] <= r7_q[i];
      end
      assign bare7_q[i] = '0;
    end else begin : gen_bare7
      always_ff @(posedge clk_i) begin
        if (qm_valid) bare7_q[i] <= (64'(low[i]) + BiasNext) - qm[i];
      end
    end
    if (i < 6) begin : gen_step8
      always_ff @(posedge clk_i) begin
        if (valid_q[7]) r9_q[i] <= r8_q[i];
      end
      assign bare8_q[i] = '0;
    end else begin : gen_bare8
      always_ff @(posedge clk_i) begin
        if (valid_q[6]) bare8_q[i] <= bare7_q[i];
      end
    end
    assign r_o[i] = r9_q[i];
  end

  assign valid_o = valid_q[ReduceLatency-1];

endmodule
/* verilator tracing_on */
