// AXI4-Lite slave front: turns the five channels into single-cycle register accesses.
//
// Write: address and data are taken in either order; wr_o pulses for one cycle when both are there and the last response has been
// taken. Read: rd_o pulses for one cycle, rd_data_i is sampled in the same cycle. All responses are OKAY: addresses without a
// register read zero and ignore writes. One write and one read under way at a time; a register access takes at least 2 cycles.
module mr_axil (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        s_axil_awvalid_i, output logic        s_axil_awready_o, input  logic [15:0] s_axil_awaddr_i,
  input  logic        s_axil_wvalid_i,  output logic        s_axil_wready_o,  input  logic [31:0] s_axil_wdata_i,
  input  logic [3:0]  s_axil_wstrb_i,
  output logic        s_axil_bvalid_o,  input  logic        s_axil_bready_i,  output logic [1:0]  s_axil_bresp_o,
  input  logic        s_axil_arvalid_i, output logic        s_axil_arready_o, input  logic [15:0] s_axil_araddr_i,
  output logic        s_axil_rvalid_o,  input  logic        s_axil_rready_i,  output logic [31:0] s_axil_rdata_o,
  output logic [1:0]  s_axil_rresp_o,
  /// One write access: word address (bits 1:0 are zero), data, byte enables.
  output logic        wr_o, output logic [15:0] wr_addr_o, output logic [31:0] wr_data_o, output logic [3:0] wr_strb_o,
  /// One read access and its answer in the same cycle.
  output logic        rd_o, output logic [15:0] rd_addr_o, input  logic [31:0] rd_data_i,
  /// An access is under way.
  output logic        busy_o
);

  logic aw_q, w_q, b_q, ar_q, r_q;
  logic [13:0] awaddr_q, araddr_q;
  logic [31:0] wdata_q, rdata_q;
  logic [3:0] wstrb_q;
  logic unused_addr;

  assign unused_addr = ^{s_axil_awaddr_i[1:0], s_axil_araddr_i[1:0]};

  assign s_axil_awready_o = !aw_q;
  assign s_axil_wready_o = !w_q;
  assign s_axil_bvalid_o = b_q;
  assign s_axil_bresp_o = 2'b00;
  assign s_axil_arready_o = !ar_q;
  assign s_axil_rvalid_o = r_q;
  assign s_axil_rdata_o = rdata_q;
  assign s_axil_rresp_o = 2'b00;

  assign wr_o = aw_q && w_q && !b_q;
  assign wr_addr_o = {awaddr_q, 2'b00};
  assign wr_data_o = wdata_q;
  assign wr_strb_o = wstrb_q;
  assign rd_o = ar_q && !r_q;
  assign rd_addr_o = {araddr_q, 2'b00};
  assign busy_o = aw_q || w_q || b_q || ar_q || r_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_q <= 1'b0;
      w_q <= 1'b0;
      b_q <= 1'b0;
      ar_q <= 1'b0;
      r_q <= 1'b0;
      awaddr_q <= '0;
      araddr_q <= '0;
      wdata_q <= '0;
      wstrb_q <= '0;
      rdata_q <= '0;
    end else begin
      if (s_axil_awvalid_i && s_axil_awready_o) begin
        aw_q <= 1'b1;
        awaddr_q <= s_axil_awaddr_i[15:2];
      end
      if (s_axil_wvalid_i && s_axil_wready_o) begin
        w_q <= 1'b1;
        wdata_q <= s_axil_wdata_i;
        wstrb_q <= s_axil_wstrb_i;
      end
      if (b_q && s_axil_bready_i) b_q <= 1'b0;
      if (wr_o) begin
        aw_q <= 1'b0;
        w_q <= 1'b0;
        b_q <= 1'b1;
      end
      if (s_axil_arvalid_i && s_axil_arready_o) begin
        ar_q <= 1'b1;
        araddr_q <= s_axil_araddr_i[15:2];
      end
      if (r_q && s_axil_rready_i) r_q <= 1'b0;
      if (rd_o) begin
        ar_q <= 1'b0;
        r_q <= 1'b1;
        rdata_q <= rd_data_i;
      end
    end
  end

  // A response waits unchanged until it is taken.
  a_b_stable: assert property (@(posedge clk_i) disable iff (!rst_ni) b_q && !s_axil_bready_i |=> b_q);
  a_r_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    r_q && !s_axil_rready_i |=> r_q && $stable(rdata_q));

endmodule
