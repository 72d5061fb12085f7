//! How the program is linked: to a fixed address. Otherwise every start relocates 74,000 addresses in the tables of what is
//! built in, and so copies 300 pages: more than a rendering takes. Stack, heap and libraries stay at random addresses.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    // Others link by rules of their own: with musl, a program that is static has to be relocatable.
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
