// Constants of the two prime fields of BN254 and the shape of their arithmetic.
//
// Elements cross module borders as canonical 254-bit integers. Inside the arithmetic they are `Limbs` limbs of
// `LimbBits` bits, so that a product of limbs, and a column of such products, fits 64 bits without a carry
// (hw/ip/field/doc/field.md).
package mr_field_pkg;

  /// Bits of a canonical element.
  localparam int unsigned FieldBits = 254;

  /// Modulus of the base field Fq: coordinates of points.
  localparam logic [253:0] Q = 254'h30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

  /// Modulus of the scalar field Fr: scalars, and the values of transforms.
  localparam logic [253:0] R = 254'h30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

  /// Values of the parameter `Field` of the arithmetic modules.
  localparam bit FieldFq = 1'b0;
  localparam bit FieldFr = 1'b1;

  /// Cycles from `valid_i` to `valid_o` of `mr_modmul`, for both fields.
  localparam int unsigned ModMulLatency = 14;

  /// Cycles of `mr_modadd` and `mr_modsub`.
  localparam int unsigned ModAddLatency = 2;

  /// Bits of a normalised limb, limbs of an element (261 bits), columns of a product of two elements.
  localparam int unsigned LimbBits = 29;
  localparam int unsigned Limbs    = 9;
  localparam int unsigned Cols     = 2 * Limbs - 1;

  /// Cycles of `mr_mul_cols`, `mr_reduce` and `mr_canon`; their sum is ModMulLatency.
  localparam int unsigned MulColsLatency = 2;
  localparam int unsigned ReduceLatency  = 9;
  localparam int unsigned CanonLatency   = 3;

  /// floor(2^513 / q) and floor(2^513 / r): the constants of Barrett's reduction.
  localparam logic [260:0] MuQ = 261'ha948e8c4c474094f560e94b0d00e60275d2cbc2ecf9a9810de75db14337f21ca2;
  localparam logic [260:0] MuR = 261'ha948e8c4c474094f560e94b0d00e6028e2890a4013d1015cc40e074d7c3bd24b2;

  /// The modulus that the parameter `Field` names.
  function automatic logic [253:0] modulus(input bit field);
    return (field == FieldFr) ? R : Q;
  endfunction

  /// floor(2^(split + 261) / modulus) for split = 251 or 252.
  function automatic logic [260:0] barrett_mu(input bit field, input int unsigned split);
    return ((field == FieldFr) ? MuR : MuQ) >> (252 - split);
  endfunction

  /// Limb `i` of a 261-bit constant.
  function automatic logic [LimbBits-1:0] limb(input logic [260:0] value, input int unsigned i);
    return LimbBits'(value >> (LimbBits * i));
  endfunction

endpackage
