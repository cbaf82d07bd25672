// Stand-in for the MSM engine in the queue's testbench: the real ports around mr_stub_engine with two read channels.
module mr_msm
  import mr_job_pkg::*;
#(
  parameter int unsigned WindowBits = 8,
  parameter int unsigned Windows = 32
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic cmd_valid_i, output logic cmd_ready_o, input cmd_t cmd_i,
  output logic sc_req_valid_o, input logic sc_req_ready_i, output dma_req_t sc_req_o,
  input  logic sc_valid_i, output logic sc_ready_o, input dma_beat_t sc_beat_i,
  output logic pt_req_valid_o, input logic pt_req_ready_i, output dma_req_t pt_req_o,
  input  logic pt_valid_i, output logic pt_ready_o, input dma_beat_t pt_beat_i,
  output logic wr_req_valid_o, input logic wr_req_ready_i, output dma_req_t wr_req_o,
  output logic wr_valid_o, input logic wr_ready_i, output logic [511:0] wr_data_o,
  input  logic wr_done_valid_i, input dma_wdone_t wr_done_i,
  output logic done_valid_o, input logic done_ready_i, output done_t done_o,
  output logic stat_digits_o, output logic stat_bucket_active_o, output logic stat_adds_o, output logic stat_activity_o
);
  dma_req_t req [2];
  dma_beat_t beat [2];
  localparam int unsigned UnusedSize = WindowBits * Windows;
  assign {sc_req_o, pt_req_o} = {req[0], req[1]};
  assign beat[0] = sc_beat_i;
  assign beat[1] = pt_beat_i;
  assign {stat_digits_o, stat_bucket_active_o, stat_adds_o} = {3{stat_activity_o}};
  mr_stub_engine #(.Reads(2)) u_stub (
    .clk_i, .rst_ni, .cmd_valid_i, .cmd_ready_o, .cmd_i,
    .rd_req_valid_o({pt_req_valid_o, sc_req_valid_o}), .rd_req_ready_i({pt_req_ready_i, sc_req_ready_i}), .rd_req_o(req),
    .rd_valid_i({pt_valid_i, sc_valid_i}), .rd_ready_o({pt_ready_o, sc_ready_o}), .rd_beat_i(beat),
    .wr_req_valid_o, .wr_req_ready_i, .wr_req_o, .wr_valid_o, .wr_ready_i, .wr_data_o, .wr_done_valid_i, .wr_done_i,
    .done_valid_o, .done_ready_i, .done_o, .active_o(stat_activity_o)
  );
endmodule
