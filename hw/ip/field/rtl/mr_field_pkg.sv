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

  /// The modulus that the parameter `Field` names.
  function automatic logic [253:0] modulus(input bit field);
    return (field == FieldFr) ? R : Q;
  endfunction

endpackage
