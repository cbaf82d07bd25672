// No public signal at all: public.json is an empty list.
pragma circom 2.1.6;

template Private(n) {
    signal input a[n];
    signal input product;
    signal t[n];
    t[0] <== a[0];
    for (var i = 1; i < n; i++) {
        t[i] <== t[i - 1] * a[i];
    }
    product === t[n - 1];
}

component main = Private(12);
