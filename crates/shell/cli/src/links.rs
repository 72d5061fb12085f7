//! `supercargo install-links DIR`: the tools' names as links to this program.

use std::path::Path;

use anyhow::{Context as _, bail};

/// The names that people type; `docker` and `sudo` are for workflow jobs only.
const LINKS: [&str; 4] = ["cosign", "flux", "kargo", "kustomize"];

/// Makes the links. A link of ours is made anew; anything else of that name stays, and is an error.
pub(crate) fn install(folder: &Path) -> anyhow::Result<i32> {
    let program = std::env::current_exe().and_then(|path| path.canonicalize()).context("this program's file")?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for name in LINKS {
        let link = folder.join(name);
        match std::fs::symlink_metadata(&link) {
            Ok(found) if found.is_symlink() && is_ours(&link, &program) => {
                std::fs::remove_file(&link).with_context(|| link.display().to_string())?;
            }
            Ok(_) => bail!("{} is there already and is not ours: remove it, or choose another folder", link.display()),
            Err(_) => {}
        }
        std::os::unix::fs::symlink(&program, &link).with_context(|| link.display().to_string())?;
        println!("{} -> {}", link.display(), program.display());
    }
    Ok(0)
}

fn is_ours(link: &Path, program: &Path) -> bool {
    std::fs::read_link(link).is_ok_and(|target| target.file_name() == program.file_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_made_twice_and_nothing_of_others_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(install(folder.path()).expect("made"), 0);
        assert_eq!(install(folder.path()).expect("made again"), 0);
        assert!(folder.path().join("kargo").is_symlink());
        std::fs::remove_file(folder.path().join("flux")).expect("removed");
        std::fs::write(folder.path().join("flux"), "theirs").expect("written");
        assert!(install(folder.path()).expect_err("refused").to_string().contains("is not ours"));
        assert_eq!(std::fs::read_to_string(folder.path().join("flux")).expect("read"), "theirs");
    }
}
