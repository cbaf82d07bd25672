// Function reset: holds the core in reset and flushes every DMA channel until all bursts under way have ended.
//
// request_i is CTRL bit 0; done_o pulses and clears it. At least HoldCycles pass, longer than any pipeline of an engine.
module mr_function_reset #(
  /// Least cycles, 1..65535.
  parameter int unsigned HoldCycles = 256
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic request_i,
  /// All DMA channels are idle.
  input  logic channels_idle_i,
  /// The core is to be held in reset, the channels are to be flushed.
  output logic active_o,
  output logic done_o
);

  logic active_q, done_q;
  logic [15:0] hold_q;

  assign active_o = active_q;
  assign done_o = done_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      done_q <= 1'b0;
      hold_q <= '0;
    end else begin
      done_q <= active_q && hold_q == 16'd0 && channels_idle_i && !done_q;
      if (hold_q != 16'd0) hold_q <= hold_q - 16'd1;
      if (done_q) begin
        active_q <= 1'b0;
      end else if (request_i && !active_q) begin
        active_q <= 1'b1;
        hold_q <= 16'(HoldCycles);
      end
    end
  end

  // done_q clears the request, which is gone when active_q has fallen.
  a_ends_idle: assert property (@(posedge clk_i) disable iff (!rst_ni) done_o |-> channels_idle_i);
  a_no_second: assert property (@(posedge clk_i) disable iff (!rst_ni) done_o |=> !done_o);

endmodule
