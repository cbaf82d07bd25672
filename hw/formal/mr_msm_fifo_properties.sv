// mr_msm_fifo: words leave in the order in which they came, none lost, none twice; what was taken is zeroed, one place in each cycle without words.
//
// The reference is a list. `ok_count` and `ok_words` tie the RAM to the list, which makes the proof inductive.
// formal: msm_fifo_2 prove 3 -GDepth=2
// formal: msm_fifo_8 prove 3 -GDepth=8
module mr_msm_fifo_properties #(
  parameter int unsigned Depth = 4
) (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  logic       push_i,
  input  logic       pop_i,
  input  logic [1:0] data_i,
  output logic       assume_reset_first,
  output logic       assume_user,
  output logic       ok_head,
  output logic       ok_count,
  output logic       ok_words,
  output logic       ok_wiped,
  output logic       ok_wipes
);

  localparam int unsigned CountW = $clog2(Depth) + 1;

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  assign assume_reset_first = started_q || !rst_ni;

  logic       valid;
  logic [1:0] data;
  mr_msm_fifo #(.Width(2), .Depth(Depth)) u_dut (
    .clk_i, .rst_ni, .push_i, .data_i, .valid_o(valid), .data_o(data), .pop_i
  );

  logic [1:0]      list_q [Depth];
  logic [CountW:0] count_q;
  assign assume_user = !started_q || ((!push_i || count_q < (CountW+1)'(Depth)) && (!pop_i || valid));
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
    end else begin
      count_q <= count_q + (CountW+1)'(push_i) - (CountW+1)'(pop_i);
      for (int i = 0; i < Depth; i++) begin
        if (pop_i && i + 1 < Depth) list_q[i] <= list_q[i+1];
        if (push_i && (CountW+1)'(i) == count_q - (CountW+1)'(pop_i)) list_q[i] <= data_i;
      end
    end
  end

  assign ok_head  = !started_q || (valid == (count_q != '0) && (!valid || data == list_q[0]));
  assign ok_count = !started_q || (count_q <= (CountW+1)'(Depth) && u_dut.wr_q - u_dut.rd_q == CountW'(count_q));
  always_comb begin
    ok_words = 1'b1;
    for (int i = 0; i < Depth; i++) begin
      if (started_q && (CountW+1)'(i) < count_q
          && u_dut.mem[(CountW-1)'(u_dut.rd_q + CountW'(i))] != list_q[i]) ok_words = 1'b0;
    end
  end

  // `stale_q` places before the next push may hold something, once the queue is empty; the others are zero.
  always_comb begin
    ok_wiped = !started_q || (u_dut.stale_q <= CountW'(Depth) && (count_q == '0 || u_dut.stale_q == CountW'(Depth)));
    for (int i = 0; i < Depth; i++) begin
      if (started_q && CountW'(i) < CountW'(Depth) - u_dut.stale_q && u_dut.mem[(CountW-1)'(u_dut.wr_q - CountW'(i + 1))] != '0) ok_wiped = 1'b0;
    end
  end
  logic              idle_q;
  logic [CountW-1:0] stale_q;
  always_ff @(posedge clk_i) begin
    idle_q  <= rst_ni && count_q == '0 && !push_i;
    stale_q <= u_dut.stale_q;
  end
  assign ok_wipes = !started_q || !idle_q || u_dut.stale_q == (stale_q == '0 ? '0 : stale_q - 1'b1);

endmodule
