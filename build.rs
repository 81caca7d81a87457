//! Has the hub built again when the board was: its files are carried in the binary.

fn main() {
    // A folder that is not there would count as changed at every build.
    std::fs::create_dir_all("web-demo/dist").ok();
    println!("cargo:rerun-if-changed=web-demo/dist");
}
