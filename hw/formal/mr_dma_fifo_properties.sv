// mr_dma_fifo: words leave in the order in which they came, none lost, none twice; the RAM's Depth words fit besides the output's.
// What was taken is zeroed: `ok_wiped` says which words are, `ok_wipes` that each cycle in which nothing is stored or pushed adds one.
//
// The reference is a list of Depth + 1 words. `ok_count` and `ok_words` tie the RAM to the list, which makes the proof inductive.
// formal: dma_fifo_2 prove 3 -GDepth=2
// formal: dma_fifo_8 prove 3 -GDepth=8
module mr_dma_fifo_properties #(
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
  output logic       ok_no_delay,
  output logic       ok_wiped,
  output logic       ok_wipes
);

  localparam int unsigned PtrW   = $clog2(Depth) + 1;
  localparam int unsigned CountW = PtrW + 1;

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  assign assume_reset_first = started_q || !rst_ni;

  logic       full, valid, empty;
  logic [1:0] data;
  mr_dma_fifo #(.Width(2), .Depth(Depth)) u_dut (
    .clk_i, .rst_ni, .push_i, .data_i, .full_o(full), .valid_o(valid), .pop_i, .data_o(data), .empty_o(empty)
  );

  logic [1:0]        list_q [Depth + 1];
  logic [CountW-1:0] count_q;
  assign assume_user = !started_q || ((!push_i || !full) && (!pop_i || valid));
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
    end else begin
      count_q <= count_q + CountW'(push_i) - CountW'(pop_i);
      for (int i = 0; i <= Depth; i++) begin
        if (pop_i && i < Depth) list_q[i] <= list_q[i+1];
        if (push_i && CountW'(i) == count_q - CountW'(pop_i)) list_q[i] <= data_i;
      end
    end
  end

  logic [CountW-1:0] in_ram;
  assign in_ram   = CountW'(PtrW'(u_dut.wr_q - u_dut.rd_q));
  assign ok_head  = !started_q || ((!valid || data == list_q[0]) && empty == (count_q == '0));
  assign ok_count = !started_q || (in_ram <= CountW'(Depth) && count_q == in_ram + CountW'(valid)
      && full == (in_ram == CountW'(Depth)));
  always_comb begin
    ok_words = 1'b1;
    for (int i = 0; i < Depth; i++) begin
      if (started_q && CountW'(i) < in_ram
          && u_dut.mem[(PtrW-1)'(u_dut.rd_q + PtrW'(i))] != list_q[CountW'(i) + CountW'(valid)]) ok_words = 1'b0;
    end
  end

  // A word in the RAM reaches the output register in the next cycle when that is free or emptied.
  logic waits_q;
  always_ff @(posedge clk_i) waits_q <= rst_ni && in_ram != '0 && (!valid || pop_i);
  assign ok_no_delay = !started_q || !waits_q || valid;

  // The output may hold an old word in the first cycle after a reset.
  logic            left_q, idle_q;
  logic [PtrW-1:0] stale_q;

  // `stale_q` words before the place of the next push may hold something, once nothing is stored; the others are zero.
  always_comb begin
    ok_wiped = !started_q || (u_dut.stale_q <= PtrW'(Depth) && (in_ram == '0 || u_dut.stale_q == PtrW'(Depth)) && (valid || data == '0 || left_q));
    for (int i = 0; i < Depth; i++) begin
      if (started_q && PtrW'(i) < PtrW'(Depth) - u_dut.stale_q && u_dut.mem[(PtrW-1)'(u_dut.wr_q - PtrW'(i + 1))] != '0) ok_wiped = 1'b0;
    end
  end
  always_ff @(posedge clk_i) begin
    left_q  <= !rst_ni;
    idle_q  <= rst_ni && in_ram == '0 && !push_i;
    stale_q <= u_dut.stale_q;
  end
  assign ok_wipes = !started_q || !idle_q || u_dut.stale_q == (stale_q == '0 ? '0 : stale_q - 1'b1);

endmodule
