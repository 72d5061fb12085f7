//! How the program is linked: to a fixed address. Otherwise every start relocates 74,000 addresses in the tables of what is
//! built in, and so copies 300 pages: more than a rendering takes. Stack, heap and libraries stay at random addresses.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
