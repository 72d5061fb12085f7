//! No text makes the YAML reader, writer or editor panic, and an edit that is made can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use yaml::{Dialect, Path};

fuzz_target!(|text: &str| {
    for dialect in [Dialect::Sigs, Dialect::Kyaml] {
        if let Ok(all) = yaml::read_all(text, dialect) {
            let _ = yaml::write_all(&all);
            for value in &all {
                let written = yaml::write_safe(value);
                assert_eq!(yaml::read(&written, dialect).as_ref(), Ok(value), "{written}");
            }
        }
    }
    let path = Path::parse("a.0");
    let value = serde_json::json!({"x": ["y"]});
    for edited in [yaml::set(text, &path, &value), yaml::append(text, &path, &value), yaml::delete(text, &path)].into_iter().flatten() {
        assert!(yaml::nodes(&edited).is_ok(), "{edited}");
    }
});
