// Bench of the DMA blocks: Channels read and Channels write channels on two masters (host, device memory).
module mr_dma_tb
  import mr_job_pkg::*;
#(
  parameter int unsigned Channels = 3,
  parameter int unsigned Depth = 256
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic         rd_req_valid_i [Channels],
  output logic         rd_req_ready_o [Channels],
  input  logic         rd_req_dev_i   [Channels],
  input  logic [63:0]  rd_req_addr_i  [Channels],
  input  logic [31:0]  rd_req_beats_i [Channels],
  output logic         rd_valid_o     [Channels],
  input  logic         rd_ready_i     [Channels],
  output logic         rd_err_o       [Channels],
  output logic [511:0] rd_data_o      [Channels],
  input  logic         rd_flush_i     [Channels],
  output logic         rd_idle_o      [Channels],
  input  logic         wr_req_valid_i [Channels],
  output logic         wr_req_ready_o [Channels],
  input  logic         wr_req_dev_i   [Channels],
  input  logic [63:0]  wr_req_addr_i  [Channels],
  input  logic [31:0]  wr_req_beats_i [Channels],
  input  logic         wr_valid_i     [Channels],
  output logic         wr_ready_o     [Channels],
  input  logic [511:0] wr_data_i      [Channels],
  output logic         wr_done_o      [Channels],
  output logic         wr_err_o       [Channels],
  output logic [63:0]  wr_err_addr_o  [Channels],
  input  logic         wr_flush_i     [Channels],
  output logic         wr_idle_o      [Channels],
  input  logic         probe_i,
  output logic         residue_o,      // a cycle after probe_i: a FIFO's RAM or output is not zero
  output logic [3:0] m_host_awid, output logic [63:0] m_host_awaddr, output logic [7:0] m_host_awlen, output logic [2:0] m_host_awsize,
  output logic [1:0] m_host_awburst, output logic m_host_awvalid, input logic m_host_awready,
  output logic [511:0] m_host_wdata, output logic [63:0] m_host_wstrb, output logic m_host_wlast, output logic m_host_wvalid, input logic m_host_wready,
  input logic [3:0] m_host_bid, input logic [1:0] m_host_bresp, input logic m_host_bvalid, output logic m_host_bready,
  output logic [3:0] m_host_arid, output logic [63:0] m_host_araddr, output logic [7:0] m_host_arlen, output logic [2:0] m_host_arsize,
  output logic [1:0] m_host_arburst, output logic m_host_arvalid, input logic m_host_arready,
  input logic [3:0] m_host_rid, input logic [511:0] m_host_rdata, input logic [1:0] m_host_rresp, input logic m_host_rlast, input logic m_host_rvalid, output logic m_host_rready,
  output logic [3:0] m_mem_awid, output logic [63:0] m_mem_awaddr, output logic [7:0] m_mem_awlen, output logic [2:0] m_mem_awsize,
  output logic [1:0] m_mem_awburst, output logic m_mem_awvalid, input logic m_mem_awready,
  output logic [511:0] m_mem_wdata, output logic [63:0] m_mem_wstrb, output logic m_mem_wlast, output logic m_mem_wvalid, input logic m_mem_wready,
  input logic [3:0] m_mem_bid, input logic [1:0] m_mem_bresp, input logic m_mem_bvalid, output logic m_mem_bready,
  output logic [3:0] m_mem_arid, output logic [63:0] m_mem_araddr, output logic [7:0] m_mem_arlen, output logic [2:0] m_mem_arsize,
  output logic [1:0] m_mem_arburst, output logic m_mem_arvalid, input logic m_mem_arready,
  input logic [3:0] m_mem_rid, input logic [511:0] m_mem_rdata, input logic [1:0] m_mem_rresp, input logic m_mem_rlast, input logic m_mem_rvalid, output logic m_mem_rready
);
  logic [Channels-1:0] h_arv, h_arr, h_rv, h_rr, h_awv, h_awr, h_wv, h_wr, h_bv, h_br;
  logic [Channels-1:0] d_arv, d_arr, d_rv, d_rr, d_awv, d_awr, d_wv, d_wr, d_bv, d_br;
  mr_axi_pkg::ax_t ar [Channels], aw [Channels];
  mr_axi_pkg::w_t w [Channels];
  mr_axi_pkg::r_t h_r, d_r;
  mr_axi_pkg::b_t h_b, d_b;
  mr_axi_pkg::ax_t h_ar, h_aw, d_ar, d_aw;
  mr_axi_pkg::w_t h_w, d_w;

  for (genvar i = 0; i < Channels; i++) begin : gen_channel
    dma_beat_t beat;
    dma_wdone_t done;
    assign rd_err_o[i] = beat.err;
    assign rd_data_o[i] = beat.data;
    assign wr_err_o[i] = done.err;
    assign wr_err_addr_o[i] = done.err_addr;
    mr_dma_read #(.Depth(Depth)) u_read (
      .clk_i, .rst_ni,
      .req_valid_i(rd_req_valid_i[i]), .req_ready_o(rd_req_ready_o[i]),
      .req_i('{dev: rd_req_dev_i[i], addr: rd_req_addr_i[i], beats: rd_req_beats_i[i]}),
      .valid_o(rd_valid_o[i]), .ready_i(rd_ready_i[i]), .beat_o(beat), .flush_i(rd_flush_i[i]), .idle_o(rd_idle_o[i]),
      .ar_valid_o({d_arv[i], h_arv[i]}), .ar_ready_i({d_arr[i], h_arr[i]}), .ar_o(ar[i]),
      .r_valid_i({d_rv[i], h_rv[i]}), .r_ready_o({d_rr[i], h_rr[i]}), .host_r_i(h_r), .mem_r_i(d_r)
    );
    mr_dma_write u_write (
      .clk_i, .rst_ni,
      .req_valid_i(wr_req_valid_i[i]), .req_ready_o(wr_req_ready_o[i]),
      .req_i('{dev: wr_req_dev_i[i], addr: wr_req_addr_i[i], beats: wr_req_beats_i[i]}),
      .valid_i(wr_valid_i[i]), .ready_o(wr_ready_o[i]), .data_i(wr_data_i[i]),
      .done_valid_o(wr_done_o[i]), .done_o(done), .flush_i(wr_flush_i[i]), .idle_o(wr_idle_o[i]),
      .aw_valid_o({d_awv[i], h_awv[i]}), .aw_ready_i({d_awr[i], h_awr[i]}), .aw_o(aw[i]),
      .w_valid_o({d_wv[i], h_wv[i]}), .w_ready_i({d_wr[i], h_wr[i]}), .w_o(w[i]),
      .b_valid_i({d_bv[i], h_bv[i]}), .b_ready_o({d_br[i], h_br[i]}), .host_b_i(h_b), .mem_b_i(d_b)
    );
  end

  logic [2*Channels-1:0] residue;
  for (genvar i = 0; i < Channels; i++) begin : gen_residue
    always_ff @(posedge clk_i) begin
      if (probe_i) begin
        residue[2*i]   <= gen_channel[i].u_read.u_fifo.out_q != '0;
        residue[2*i+1] <= gen_channel[i].u_write.u_fifo.out_q != '0;
        for (int k = 0; k < Depth; k++) if (gen_channel[i].u_read.u_fifo.mem[k] != '0) residue[2*i] <= 1'b1;
        for (int k = 0; k < 32; k++) if (gen_channel[i].u_write.u_fifo.mem[k] != '0) residue[2*i+1] <= 1'b1;
      end
    end
  end
  assign residue_o = residue != '0;

  mr_axi_rmux #(.N(Channels)) u_h_rmux (
    .clk_i, .rst_ni, .ar_valid_i(h_arv), .ar_ready_o(h_arr), .ar_i(ar), .r_valid_o(h_rv), .r_ready_i(h_rr), .r_o(h_r),
    .m_ar_valid_o(m_host_arvalid), .m_ar_ready_i(m_host_arready), .m_ar_o(h_ar),
    .m_r_valid_i(m_host_rvalid), .m_r_ready_o(m_host_rready),
    .m_r_i('{id: m_host_rid, data: m_host_rdata, resp: m_host_rresp, last: m_host_rlast})
  );
  mr_axi_wmux #(.N(Channels)) u_h_wmux (
    .clk_i, .rst_ni, .aw_valid_i(h_awv), .aw_ready_o(h_awr), .aw_i(aw), .w_valid_i(h_wv), .w_ready_o(h_wr), .w_i(w),
    .b_valid_o(h_bv), .b_ready_i(h_br), .b_o(h_b),
    .m_aw_valid_o(m_host_awvalid), .m_aw_ready_i(m_host_awready), .m_aw_o(h_aw),
    .m_w_valid_o(m_host_wvalid), .m_w_ready_i(m_host_wready), .m_w_o(h_w),
    .m_b_valid_i(m_host_bvalid), .m_b_ready_o(m_host_bready), .m_b_i('{id: m_host_bid, resp: m_host_bresp})
  );
  assign {m_host_arid, m_host_araddr, m_host_arlen} = h_ar;
  assign {m_host_awid, m_host_awaddr, m_host_awlen} = h_aw;
  assign {m_host_wdata, m_host_wstrb, m_host_wlast} = h_w;
  assign m_host_arsize = 3'd6;
  assign m_host_awsize = 3'd6;
  assign m_host_arburst = 2'b01;
  assign m_host_awburst = 2'b01;

  mr_axi_rmux #(.N(Channels)) u_d_rmux (
    .clk_i, .rst_ni, .ar_valid_i(d_arv), .ar_ready_o(d_arr), .ar_i(ar), .r_valid_o(d_rv), .r_ready_i(d_rr), .r_o(d_r),
    .m_ar_valid_o(m_mem_arvalid), .m_ar_ready_i(m_mem_arready), .m_ar_o(d_ar),
    .m_r_valid_i(m_mem_rvalid), .m_r_ready_o(m_mem_rready),
    .m_r_i('{id: m_mem_rid, data: m_mem_rdata, resp: m_mem_rresp, last: m_mem_rlast})
  );
  mr_axi_wmux #(.N(Channels)) u_d_wmux (
    .clk_i, .rst_ni, .aw_valid_i(d_awv), .aw_ready_o(d_awr), .aw_i(aw), .w_valid_i(d_wv), .w_ready_o(d_wr), .w_i(w),
    .b_valid_o(d_bv), .b_ready_i(d_br), .b_o(d_b),
    .m_aw_valid_o(m_mem_awvalid), .m_aw_ready_i(m_mem_awready), .m_aw_o(d_aw),
    .m_w_valid_o(m_mem_wvalid), .m_w_ready_i(m_mem_wready), .m_w_o(d_w),
    .m_b_valid_i(m_mem_bvalid), .m_b_ready_o(m_mem_bready), .m_b_i('{id: m_mem_bid, resp: m_mem_bresp})
  );
  assign {m_mem_arid, m_mem_araddr, m_mem_arlen} = d_ar;
  assign {m_mem_awid, m_mem_awaddr, m_mem_awlen} = d_aw;
  assign {m_mem_wdata, m_mem_wstrb, m_mem_wlast} = d_w;
  assign m_mem_arsize = 3'd6;
  assign m_mem_awsize = 3'd6;
  assign m_mem_arburst = 2'b01;
  assign m_mem_awburst = 2'b01;

endmodule
