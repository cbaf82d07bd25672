// Value memory: 2^LogMax field elements, one pair read and one pair written a cycle.
//
// The two addresses of a pair differ in an odd number of bits (a butterfly's in one), so their parities differ. The
// memory is two banks chosen by the parity of the address, each with one read and one write port; the pair never
// meets in one bank. Within a bank the index is the address without its lowest bit, which the parity gives back.
//
// Latency of a read: 2 cycles in which `rd_en_i` is high; with it low both stages hold, so a reader can stall.
// A read sees a write that was presented in an earlier cycle; the same address in the same cycle is not allowed.
// Nothing is reset, the engine clears the memory after reset; `rst_ni` only silences the assertions.
module mr_ntt_mem #(
  /// log2 of the number of elements, 2..27.
  parameter int unsigned LogMax = 13
) (
  input  logic              clk_i,
  input  logic              rst_ni,

  /// Advances both read stages; `rd_valid_i` tells whether a read is meant (for the assertions only).
  input  logic              rd_en_i,
  input  logic              rd_valid_i,
  input  logic [LogMax-1:0] rd_a_i,
  input  logic [LogMax-1:0] rd_b_i,
  output logic [253:0]      rd_a_o,
  output logic [253:0]      rd_b_o,

  input  logic              wr_valid_i,
  input  logic [LogMax-1:0] wr_a_i,
  input  logic [LogMax-1:0] wr_b_i,
  input  logic [253:0]      wr_a_data_i,
  input  logic [253:0]      wr_b_data_i
);

  localparam int unsigned BankDepth = 1 << (LogMax - 1);

  logic [253:0] even [BankDepth];   // elements whose address has even parity
  logic [253:0] odd  [BankDepth];

  logic              wr_swap;
  logic [LogMax-2:0] wr_even_idx, wr_odd_idx;
  logic [253:0]      wr_even_data, wr_odd_data;
  logic              rd_swap, rd_swap_q;
  logic [LogMax-2:0] rd_even_idx, rd_odd_idx;
  logic [253:0]      rd_even_q, rd_odd_q;

  assign wr_swap      = ^wr_a_i;    // a lies in the odd bank
  assign wr_even_idx  = wr_swap ? wr_b_i[LogMax-1:1] : wr_a_i[LogMax-1:1];
  assign wr_odd_idx   = wr_swap ? wr_a_i[LogMax-1:1] : wr_b_i[LogMax-1:1];
  assign wr_even_data = wr_swap ? wr_b_data_i : wr_a_data_i;
  assign wr_odd_data  = wr_swap ? wr_a_data_i : wr_b_data_i;

  assign rd_swap      = ^rd_a_i;
  assign rd_even_idx  = rd_swap ? rd_b_i[LogMax-1:1] : rd_a_i[LogMax-1:1];
  assign rd_odd_idx   = rd_swap ? rd_a_i[LogMax-1:1] : rd_b_i[LogMax-1:1];

  always_ff @(posedge clk_i) begin
    if (wr_valid_i) begin
      even[wr_even_idx] <= wr_even_data;
      odd[wr_odd_idx]   <= wr_odd_data;
    end
    if (rd_en_i) begin
      rd_even_q <= even[rd_even_idx];
      rd_odd_q  <= odd[rd_odd_idx];
      rd_swap_q <= rd_swap;
      rd_a_o    <= rd_swap_q ? rd_odd_q : rd_even_q;
      rd_b_o    <= rd_swap_q ? rd_even_q : rd_odd_q;
    end
  end

`ifdef SYNTHESIS
  logic unused_rst;
  assign unused_rst = rst_ni;
`else
  ReadPairParity: assert property (@(posedge clk_i) disable iff (!rst_ni)
      rd_valid_i |-> (^rd_a_i) != (^rd_b_i));
  WritePairParity: assert property (@(posedge clk_i) disable iff (!rst_ni)
      wr_valid_i |-> (^wr_a_i) != (^wr_b_i));
  NoReadDuringWrite: assert property (@(posedge clk_i) disable iff (!rst_ni)
      rd_valid_i && rd_en_i && wr_valid_i |->
      rd_a_i != wr_a_i && rd_a_i != wr_b_i && rd_b_i != wr_a_i && rd_b_i != wr_b_i);
`endif

endmodule
