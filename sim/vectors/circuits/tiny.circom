// The smallest circuit with every part present: for mutation tests and fuzz seeds.
pragma circom 2.1.6;

template Tiny() {
    signal input a;
    signal input b;
    signal output c;
    signal t;
    t <== a * b;
    c <== t * a + 7;
}

component main = Tiny();
