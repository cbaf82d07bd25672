// Stand-in for the NTT engine in the queue's testbench: the real ports around mr_stub_engine with one read channel.
module mr_ntt
  import mr_job_pkg::*;
#(
  parameter int unsigned LogMax = 13
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic cmd_valid_i, output logic cmd_ready_o, input cmd_t cmd_i,
  output logic rd_req_valid_o, input logic rd_req_ready_i, output dma_req_t rd_req_o,
  input  logic rd_valid_i, output logic rd_ready_o, input dma_beat_t rd_beat_i,
  output logic wr_req_valid_o, input logic wr_req_ready_i, output dma_req_t wr_req_o,
  output logic wr_valid_o, input logic wr_ready_i, output logic [511:0] wr_data_o,
  input  logic wr_done_valid_i, input dma_wdone_t wr_done_i,
  output logic done_valid_o, input logic done_ready_i, output done_t done_o,
  output logic stat_butterflies_o, output logic stat_activity_o
);
  dma_req_t req [2];
  dma_beat_t beat [2];
  logic [1:0] req_valid, ready;
  localparam int unsigned UnusedSize = LogMax;
  assign rd_req_o = req[0];
  assign beat[0] = rd_beat_i;
  assign beat[1] = '0;
  assign rd_req_valid_o = req_valid[0];
  assign rd_ready_o = ready[0];
  assign stat_butterflies_o = stat_activity_o;
  mr_stub_engine #(.Reads(1)) u_stub (
    .clk_i, .rst_ni, .cmd_valid_i, .cmd_ready_o, .cmd_i,
    .rd_req_valid_o(req_valid), .rd_req_ready_i({1'b1, rd_req_ready_i}), .rd_req_o(req),
    .rd_valid_i({1'b0, rd_valid_i}), .rd_ready_o(ready), .rd_beat_i(beat),
    .wr_req_valid_o, .wr_req_ready_i, .wr_req_o, .wr_valid_o, .wr_ready_i, .wr_data_o, .wr_done_valid_i, .wr_done_i,
    .done_valid_o, .done_ready_i, .done_o, .active_o(stat_activity_o)
  );
endmodule
