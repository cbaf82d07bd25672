// Occupied bits of the slots: two ports that each read a bit and set it anew in the same cycle.
//
// A bit is the exclusive or of two banks. Port A writes only bank A, port B only bank B, so each bank is a memory with one
// write port and two asynchronous reads (distributed RAM in an FPGA), and no bit needs a flop with two writers. Both ports
// may name one slot only when neither writes.
//
// Latency: reads in the same cycle, writes visible in the next. After reset and on `clear_i` a sweep of `NumSlots` cycles clears
// all bits; `clearing_o` is high during the sweep, and the ports must be idle.
module mr_msm_occupied #(
  /// Slots, at least 2.
  parameter int unsigned NumSlots = 1024,
  localparam int unsigned SlotW   = $clog2(NumSlots)
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             clear_i,
  output logic             clearing_o,

  input  logic [SlotW-1:0] a_slot_i,
  output logic             a_full_o,
  input  logic             a_set_i,     // write this cycle ...
  input  logic             a_value_i,   // ... this value

  input  logic [SlotW-1:0] b_slot_i,
  output logic             b_full_o,
  input  logic             b_set_i,
  input  logic             b_value_i
);

  localparam logic [SlotW-1:0] LastSlot = SlotW'(NumSlots - 1);

  logic bank_a [NumSlots];
  logic bank_b [NumSlots];

  logic             clearing_q;
  logic [SlotW-1:0] sweep_q;

  assign clearing_o = clearing_q;
  assign a_full_o   = bank_a[a_slot_i] ^ bank_b[a_slot_i];
  assign b_full_o   = bank_a[b_slot_i] ^ bank_b[b_slot_i];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      clearing_q <= 1'b1;
      sweep_q    <= '0;
    end else if (clearing_q) begin
      sweep_q    <= sweep_q + 1'b1;
      clearing_q <= (sweep_q != LastSlot);
    end else if (clear_i) begin
      sweep_q    <= '0;
      clearing_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (clearing_q) begin
      bank_a[sweep_q] <= 1'b0;
      bank_b[sweep_q] <= 1'b0;
    end else begin
      if (a_set_i) bank_a[a_slot_i] <= a_value_i ^ bank_b[a_slot_i];
      if (b_set_i) bank_b[b_slot_i] <= b_value_i ^ bank_a[b_slot_i];
    end
  end

  assert property (@(posedge clk_i) disable iff (!rst_ni) !((a_set_i || b_set_i) && clearing_q));
  assert property (@(posedge clk_i) disable iff (!rst_ni) !(a_set_i && b_set_i && a_slot_i == b_slot_i));

endmodule
