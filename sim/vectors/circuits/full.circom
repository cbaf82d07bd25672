// A chain of squarings whose constraints, public output and the constant fill a domain of 2^8 exactly:
// 254 + 1 + 1 = 256 rows.
pragma circom 2.1.6;

template Chain(n) {
    signal input x;
    signal output y;
    signal t[n];
    t[0] <== x * x + 1;
    for (var i = 1; i < n; i++) {
        t[i] <== t[i - 1] * t[i - 1] + i;
    }
    y <== t[n - 1];
}

component main = Chain(254);
