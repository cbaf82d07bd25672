// Data memory of the slots: a true dual-port RAM.
//
// Each port makes one access a cycle, a write or a read. A read sees every write of an earlier cycle, by either port. Both
// ports may not touch one address in one cycle when one of them writes (`mr_msm_slots` never does).
//
// Latency: `Latency` cycles from `*_re_i` to `*_rdata_o`; the data stays until the next read of that port arrives.
// Throughput: one access a port a cycle. The memory has no reset: `mr_msm_occupied` says which words mean something.
module mr_msm_ram #(
  /// Bits of a word.
  parameter int unsigned Width   = 762,
  /// Words, at least 2.
  parameter int unsigned Depth   = 1024,
  /// Read latency in cycles, at least 1.
  parameter int unsigned Latency = 2,
  localparam int unsigned AddrW  = $clog2(Depth)
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             a_we_i,
  input  logic             a_re_i,
  input  logic [AddrW-1:0] a_addr_i,
  input  logic [Width-1:0] a_wdata_i,
  output logic [Width-1:0] a_rdata_o,

  input  logic             b_we_i,
  input  logic             b_re_i,
  input  logic [AddrW-1:0] b_addr_i,
  input  logic [Width-1:0] b_wdata_i,
  output logic [Width-1:0] b_rdata_o
);

  if (Latency < 1) begin : gen_bad_parameter
    $error("mr_msm_ram: Latency must be at least 1");
  end

  logic [Width-1:0] mem [Depth];

  // Stage s of a port holds the word whose read began s+1 cycles ago.
  logic [Width-1:0] a_stage_q [Latency];
  logic [Width-1:0] b_stage_q [Latency];
  logic [Latency-1:0] a_valid_q, b_valid_q;

  always_ff @(posedge clk_i) begin
    if (a_we_i) mem[a_addr_i] <= a_wdata_i;
    if (b_we_i) mem[b_addr_i] <= b_wdata_i;
    if (a_re_i) a_stage_q[0] <= mem[a_addr_i];
    if (b_re_i) b_stage_q[0] <= mem[b_addr_i];
    for (int unsigned s = 1; s < Latency; s++) begin
      if (a_valid_q[s-1]) a_stage_q[s] <= a_stage_q[s-1];
      if (b_valid_q[s-1]) b_stage_q[s] <= b_stage_q[s-1];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      a_valid_q <= '0;
      b_valid_q <= '0;
    end else begin
      a_valid_q <= Latency'({a_valid_q, a_re_i});
      b_valid_q <= Latency'({b_valid_q, b_re_i});
    end
  end

  assign a_rdata_o = a_stage_q[Latency-1];
  assign b_rdata_o = b_stage_q[Latency-1];

  // Two accesses to one word with a write among them have no defined order.
  assert property (@(posedge clk_i) disable iff (!rst_ni)
    !((a_we_i || a_re_i) && (b_we_i || b_re_i) && (a_we_i || b_we_i) && a_addr_i == b_addr_i));

endmodule
