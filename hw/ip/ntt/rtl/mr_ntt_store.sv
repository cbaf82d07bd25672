// Store: the value memory to beats, and zero behind every read; or, with `clear_i`, only the zeroes.
//
// Reads the pairs (2j, 2j + 1) of the result in order, one a cycle, and hands each over as a beat; with back-pressure the three
// stages (address, memory, memory output) stand still together. A pair is overwritten with zero in the cycle after its read.
// `done_o` is one cycle, when the last beat is handed over and the last pair is zero. `digest_o` is the digest of the
// beats since `start_i` (docs/spec/device.md): d = rotl(d, 1) ^ rotl(w0, 0) ^ rotl(w1, 8) ^ ... ^ rotl(w7, 56).
module mr_ntt_store #(
  parameter int unsigned LogMax = 13
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,

  input  logic                        start_i,
  /// Stable from `start_i` to `done_o`.
  input  logic                        clear_i,
  input  logic [$clog2(LogMax+1)-1:0] log_n_i,
  input  logic                        reverse_i,

  output logic                        mem_en_o,
  output logic                        mem_valid_o,
  output logic [LogMax-1:0]           mem_a_o,
  output logic [LogMax-1:0]           mem_b_o,
  input  logic [253:0]                mem_a_i,
  input  logic [253:0]                mem_b_i,

  output logic                        zero_valid_o,
  output logic [LogMax-1:0]           zero_a_o,
  output logic [LogMax-1:0]           zero_b_o,

  output logic                        wr_valid_o,
  input  logic                        wr_ready_i,
  output logic [511:0]                wr_data_o,

  output logic                        busy_o,
  output logic                        done_o,
  output logic [63:0]                 digest_o
);

  logic              walk_q;       // pairs are left to address
  logic [LogMax-2:0] pair_q;
  logic              addr_valid_q, mem_valid_q, out_valid_q;
  logic              advance, last;
  logic [LogMax-1:0] a, b;

  assign advance = !wr_valid_o || wr_ready_i;
  assign last    = pair_q == (LogMax-1)'((LogMax+1)'(1) << log_n_i >> 1) - 1'b1;

  mr_ntt_order #(.LogMax(LogMax)) u_order (
    .log_n_i, .reverse_i, .pair_i(pair_q), .a_o(a), .b_o(b)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      walk_q       <= 1'b0;
      addr_valid_q <= 1'b0;
      mem_valid_q  <= 1'b0;
      out_valid_q  <= 1'b0;
    end else if (start_i) begin
      walk_q <= 1'b1;
      pair_q <= '0;
    end else if (advance) begin
      walk_q       <= walk_q && !last;
      pair_q       <= pair_q + 1'b1;
      addr_valid_q <= walk_q;
      mem_valid_q  <= addr_valid_q;
      out_valid_q  <= mem_valid_q;
    end
    if (advance && walk_q) begin
      mem_a_o <= a;
      mem_b_o <= b;
    end
  end

  assign mem_en_o    = advance;
  assign mem_valid_o = addr_valid_q;
  assign wr_valid_o  = out_valid_q && !clear_i;
  assign wr_data_o   = {2'b00, mem_b_i, 2'b00, mem_a_i};

  always_ff @(posedge clk_i) begin
    zero_valid_o <= rst_ni && addr_valid_q && advance;
    if (addr_valid_q && advance) begin
      zero_a_o <= mem_a_o;
      zero_b_o <= mem_b_o;
    end
  end

  logic busy_q;
  assign busy_o = walk_q || addr_valid_q || mem_valid_q || out_valid_q;
  always_ff @(posedge clk_i) busy_q <= rst_ni && busy_o;
  assign done_o = busy_q && !busy_o;

  logic [63:0] mixed;
  always_comb begin
    mixed = {digest_o[62:0], digest_o[63]};
    for (int unsigned i = 0; i < 8; i++) begin
      mixed ^= (wr_data_o[64*i +: 64] << (8*i)) | (wr_data_o[64*i +: 64] >> (64 - 8*i));
    end
  end
  always_ff @(posedge clk_i) begin
    if (start_i) digest_o <= '0;
    else if (wr_valid_o && wr_ready_i) digest_o <= mixed;
  end

`ifndef SYNTHESIS
  IdleAtStart: assert property (@(posedge clk_i) disable iff (!rst_ni) start_i |-> !busy_o);
  BeatStable: assert property (@(posedge clk_i) disable iff (!rst_ni)
      wr_valid_o && !wr_ready_i |=> wr_valid_o && $stable(wr_data_o));
`endif

endmodule
