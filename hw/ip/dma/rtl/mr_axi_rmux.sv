// N read channels onto one AXI4 read master: round robin, id = channel.
//
// An address is held in a register (1 cycle, one burst a cycle); data goes to the channel that its id names in the same cycle. Data of one
// id comes in order, so each channel sees its own bursts in order.
module mr_axi_rmux #(
  /// Channels, 1..16.
  parameter int unsigned N = 4
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic [N-1:0]            ar_valid_i,
  output logic [N-1:0]            ar_ready_o,
  input  mr_axi_pkg::ax_t         ar_i [N],
  output logic [N-1:0]            r_valid_o,
  input  logic [N-1:0]            r_ready_i,
  output mr_axi_pkg::r_t          r_o,
  output logic                    m_ar_valid_o,
  input  logic                    m_ar_ready_i,
  output mr_axi_pkg::ax_t         m_ar_o,
  input  logic                    m_r_valid_i,
  output logic                    m_r_ready_o,
  input  mr_axi_pkg::r_t          m_r_i
);

  logic valid_q, take;
  mr_axi_pkg::ax_t ax_q;
  logic [N-1:0] grant;
  logic [3:0] index;

  assign take = (!valid_q || m_ar_ready_i) && ar_valid_i != '0;
  assign ar_ready_o = take ? grant : '0;
  assign m_ar_valid_o = valid_q;
  assign m_ar_o = ax_q;

  mr_rr_arbiter #(.N(N)) u_arbiter (.clk_i, .rst_ni, .req_i(ar_valid_i), .take_i(take), .grant_o(grant), .index_o(index));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      ax_q <= '0;
    end else begin
      if (m_ar_ready_i) valid_q <= 1'b0;
      if (take) begin
        valid_q <= 1'b1;
        for (int unsigned i = 0; i < N; i++) begin
          if (grant[i]) ax_q <= '{id: index, addr: ar_i[i].addr, len: ar_i[i].len};
        end
      end
    end
  end

  assign r_o = m_r_i;
  always_comb begin
    m_r_ready_o = 1'b0;
    for (int unsigned i = 0; i < N; i++) begin
      r_valid_o[i] = m_r_valid_i && m_r_i.id == 4'(i);
      if (m_r_i.id == 4'(i)) m_r_ready_o = r_ready_i[i];
    end
  end

  a_ar_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    m_ar_valid_o && !m_ar_ready_i |=> m_ar_valid_o && $stable(m_ar_o));
  a_r_id: assert property (@(posedge clk_i) disable iff (!rst_ni) m_r_valid_i |-> 32'(m_r_i.id) < N);

endmodule
