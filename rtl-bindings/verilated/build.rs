//! Turns `hw/` into C++ with Verilator and compiles it with the shim of `sim/verilator`.
//!
//! Verilator is found by `VERILATOR_ROOT` (the folder with `bin/verilator_bin` and `include/`), else in `.tools/venv`, where `make setup` puts it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let root = root.canonicalize().expect("the workspace root exists");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let verilator = find_verilator(&root);
    let shim = root.join("sim/verilator");
    // Not all of hw/ip: its documents and testbenches change without the device.
    for watched in rtl_files(&root).0.iter().chain([&shim]) {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    println!("cargo::rerun-if-env-changed=VERILATOR_ROOT");

    let generated = out.join("verilated");
    if generated.exists() {
        fs::remove_dir_all(&generated).expect("the build folder is ours");
    }
    verilate(&root, &verilator, &generated);

    let include = verilator.join("include");
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").warnings(false).opt_level(2).debug(false);
    build.flag_if_supported("-fno-stack-protector").define("VL_IGNORE_UNKNOWN_ARCH", None);
    build.define("VM_TRACE", "1").define("VM_TRACE_FST", "1").define("VM_COVERAGE", "0");
    build.include(&include).include(include.join("vltstd")).include(&generated).include(&shim);
    for header in ["DEP_LZ4_INCLUDE", "DEP_Z_INCLUDE"] {
        println!("cargo::rerun-if-env-changed={header}");
        if let Some(path) = env::var_os(header) {
            build.include(PathBuf::from(path));
        }
    }
    build.files(sources(&generated)).files(sources(&shim));
    build.files(["verilated.cpp", "verilated_fst_c.cpp", "verilated_threads.cpp"].map(|f| include.join(f)));
    build.compile("millrace_device");
    println!("cargo::rustc-link-lib=atomic");
    println!("cargo::rustc-link-lib=pthread");
}

fn find_verilator(root: &Path) -> PathBuf {
    let from_env = env::var_os("VERILATOR_ROOT").map(PathBuf::from);
    let from_tools = || {
        let lib = fs::read_dir(root.join(".tools/venv/lib")).ok()?;
        lib.filter_map(Result::ok)
            .map(|python| python.path().join("site-packages/verilator"))
            .find(|p| p.is_dir())
    };
    let found = from_env.or_else(from_tools);
    match found {
        Some(path) if path.join("bin/verilator_bin").is_file() => path,
        Some(path) => panic!("no bin/verilator_bin under {}: run `make setup`", path.display()),
        None => panic!("Verilator is missing: run `make setup`, or set VERILATOR_ROOT"),
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "cpp"));
    files.sort();
    files
}

/// Every `rtl/` folder and the tops, packages ordered so that each stands after those it imports.
fn rtl_files(root: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let blocks = fs::read_dir(root.join("hw/ip")).expect("hw/ip is part of the checkout");
    let mut folders: Vec<PathBuf> = blocks.filter_map(Result::ok).map(|e| e.path().join("rtl")).collect();
    folders.retain(|folder| folder.is_dir());
    folders.push(root.join("hw/top"));
    folders.sort();
    let mut packages: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("listed above").filter_map(Result::ok))
        .map(|e| e.path())
        .filter(|path| path.to_string_lossy().ends_with("_pkg.sv"))
        .collect();
    packages.sort();
    let text: Vec<String> = packages.iter().map(|p| fs::read_to_string(p).expect("listed above")).collect();
    let name = |path: &PathBuf| path.file_stem().expect("ends with .sv").to_string_lossy().into_owned();
    let mut ordered: Vec<PathBuf> = Vec::new();
    while ordered.len() < packages.len() {
        let before = ordered.len();
        for (path, text) in packages.iter().zip(&text) {
            let ready = packages.iter().all(|other| {
                other == path || ordered.contains(other) || !text.contains(&format!("{}::", name(other)))
            });
            if ready && !ordered.contains(path) {
                ordered.push(path.clone());
            }
        }
        assert!(ordered.len() > before, "the packages under hw/ import each other in a circle");
    }
    (folders, ordered)
}

fn verilate(root: &Path, verilator: &Path, generated: &Path) {
    let (folders, packages) = rtl_files(root);
    let mut command = Command::new(verilator.join("bin/verilator_bin"));
    command.env("VERILATOR_ROOT", verilator);
    command.args(["--cc", "--trace-fst", "--assert", "-O3", "-Wno-fatal", "--timescale", "1ns/1ps"]);
    command.args([
        "--x-assign",
        "fast",
        "--x-initial",
        "unique",
        "--top-module",
        "mr_device",
        "--prefix",
        "Vmr_device",
    ]);
    for folder in &folders {
        command.arg("-y").arg(folder);
    }
    command.arg("+libext+.sv").arg("-Mdir").arg(generated);
    command.args(packages).arg(root.join("hw/top/mr_device.sv"));
    let output = command.output().unwrap_or_else(|e| panic!("{}: {e}", verilator.display()));
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Verilator failed:\n{messages}");
}
