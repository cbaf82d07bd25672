#![allow(missing_docs)]
fn main() {
    let b = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let t = std::time::Instant::now();
    let k = millrace_rivals::ArkworksKey::read(&b).unwrap();
    println!("read {:.1}", t.elapsed().as_secs_f64());
    println!("load {:.2}", k.load_seconds().unwrap());
}
