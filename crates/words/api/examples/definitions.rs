//! Writes every CustomResourceDefinition as JSON into a folder: `definitions FOLDER`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| std::io::Error::other("usage: definitions FOLDER"))?;
    std::fs::create_dir_all(&folder)?;
    for definition in api::definitions() {
        let path = Path::new(&folder).join(format!("{}.json", api::name(definition)));
        std::fs::write(path, format!("{definition:#}\n"))?;
    }
    Ok(())
}
