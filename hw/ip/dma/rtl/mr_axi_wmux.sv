// N write channels onto one AXI4 write master: round robin by burst, id = channel.
//
// A channel keeps address and data channel until its burst's address and last beat have been taken, so write data is in the order of the
// addresses; then one cycle passes. Channels offer a burst only with all its data at hand (mr_dma_write).
module mr_axi_wmux #(
  /// Channels, 1..16.
  parameter int unsigned N = 4
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic [N-1:0]            aw_valid_i,
  output logic [N-1:0]            aw_ready_o,
  input  mr_axi_pkg::ax_t         aw_i [N],
  input  logic [N-1:0]            w_valid_i,
  output logic [N-1:0]            w_ready_o,
  input  mr_axi_pkg::w_t          w_i [N],
  output logic [N-1:0]            b_valid_o,
  input  logic [N-1:0]            b_ready_i,
  output mr_axi_pkg::b_t          b_o,
  output logic                    m_aw_valid_o,
  input  logic                    m_aw_ready_i,
  output mr_axi_pkg::ax_t         m_aw_o,
  output logic                    m_w_valid_o,
  input  logic                    m_w_ready_i,
  output mr_axi_pkg::w_t          m_w_o,
  input  logic                    m_b_valid_i,
  output logic                    m_b_ready_o,
  input  mr_axi_pkg::b_t          m_b_i
);

  logic locked_q, aw_sent_q, w_sent_q, aw_fire, w_end, take;
  logic [N-1:0] owner_q, grant;
  logic [3:0] owner_index_q, index;

  assign take = !locked_q && aw_valid_i != '0;

  mr_rr_arbiter #(.N(N)) u_arbiter (.clk_i, .rst_ni, .req_i(aw_valid_i), .take_i(take), .grant_o(grant), .index_o(index));

  always_comb begin
    m_aw_o = '0;
    m_w_o = '0;
    for (int unsigned i = 0; i < N; i++) begin
      if (owner_index_q == 4'(i)) begin
        m_aw_o = '{id: owner_index_q, addr: aw_i[i].addr, len: aw_i[i].len};
        m_w_o = w_i[i];
      end
    end
  end

  assign m_aw_valid_o = locked_q && !aw_sent_q && (aw_valid_i & owner_q) != '0;
  assign m_w_valid_o = locked_q && !w_sent_q && (w_valid_i & owner_q) != '0;
  assign aw_ready_o = locked_q && !aw_sent_q && m_aw_ready_i ? owner_q : '0;
  assign w_ready_o = locked_q && !w_sent_q && m_w_ready_i ? owner_q : '0;
  assign aw_fire = m_aw_valid_o && m_aw_ready_i;
  assign w_end = m_w_valid_o && m_w_ready_i && m_w_o.last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      locked_q <= 1'b0;
      aw_sent_q <= 1'b0;
      w_sent_q <= 1'b0;
      owner_q <= '0;
      owner_index_q <= '0;
    end else begin
      if (take) begin
        locked_q <= 1'b1;
        owner_q <= grant;
        owner_index_q <= index;
      end
      if (aw_fire) aw_sent_q <= 1'b1;
      if (w_end) w_sent_q <= 1'b1;
      if (locked_q && (aw_sent_q || aw_fire) && (w_sent_q || w_end)) begin
        locked_q <= 1'b0;
        aw_sent_q <= 1'b0;
        w_sent_q <= 1'b0;
      end
    end
  end

  assign b_o = m_b_i;
  always_comb begin
    m_b_ready_o = 1'b0;
    for (int unsigned i = 0; i < N; i++) begin
      b_valid_o[i] = m_b_valid_i && m_b_i.id == 4'(i);
      if (m_b_i.id == 4'(i)) m_b_ready_o = b_ready_i[i];
    end
  end

  a_aw_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    m_aw_valid_o && !m_aw_ready_i |=> m_aw_valid_o && $stable(m_aw_o));
  // Of the data only `last`: comparing 512 bits in every cycle would halve the speed of simulation; the testbench compares all.
  a_w_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    m_w_valid_o && !m_w_ready_i |=> m_w_valid_o && $stable(m_w_o.last));
  a_b_id: assert property (@(posedge clk_i) disable iff (!rst_ni) m_b_valid_i |-> 32'(m_b_i.id) < N);

endmodule
