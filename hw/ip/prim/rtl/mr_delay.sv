// Delay line: q_o is d_i of `Depth` cycles ago.
//
// A circular RAM with a registered read, so that a deep line costs one write and one read a cycle, in simulation
// and in LUTRAM or block RAM alike. Contents after reset are undefined for `Depth` cycles: a valid bit that travels
// beside the data must come from a register chain that reset clears.
module mr_delay #(
  /// Bits of a word, 1 or more.
  parameter int unsigned Width = 1,
  /// Cycles of delay, 2 or more.
  parameter int unsigned Depth = 2
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic [Width-1:0] d_i,
  output logic [Width-1:0] q_o
);

  if (Width < 1 || Depth < 2) begin : gen_illegal
    $error("mr_delay: Width must be >= 1 and Depth >= 2");
  end

  // The read register is one of the `Depth` cycles, the RAM holds the others.
  localparam int unsigned Words = Depth - 1;

  if (Words == 1) begin : gen_register
    logic [Width-1:0] word_q;

    always_ff @(posedge clk_i) begin
      word_q <= d_i;
      q_o    <= word_q;
    end

    logic unused_rst;
    assign unused_rst = rst_ni;
  end else begin : gen_ram
    localparam int unsigned PtrW = $clog2(Words);

    logic [Width-1:0] mem[Words];
    logic [PtrW-1:0]  ptr_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni || ptr_q == PtrW'(Words - 1)) ptr_q <= '0;
      else ptr_q <= ptr_q + 1'b1;
    end

    always_ff @(posedge clk_i) begin
      q_o        <= mem[ptr_q];
      mem[ptr_q] <= d_i;
    end
  end

endmodule
