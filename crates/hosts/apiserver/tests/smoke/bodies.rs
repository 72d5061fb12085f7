//! Objects of many kinds with something wrong, in three encodings.

use serde_json::Value;

use super::corpus;
use super::source::Source;
use super::world::{self, PROTOBUF};

pub fn check(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    world::with(|world| {
        let all = corpus::all();
        let (path, valid) = source.pick(&all);
        let mut object = valid.clone();
        source.change(&mut object, 4);
        let strict = ["", "?fieldValidation=Strict", "?fieldValidation=Ignore", "?dryRun=All"][source.below(4)];
        let (media, mut body) = match source.below(4) {
            0 => ("application/yaml", yaml::write(&object).into_bytes()),
            1 => {
                // The server itself knows how an object is written.
                let made = world.json(&format!("POST {path}"), valid);
                assert_eq!(made.code, 201, "{}", made.value);
                let place = format!("{path}/a");
                let live = world.json(&format!("GET {place}"), &Value::Null);
                let read = world.ask(&format!("GET {place}"), PROTOBUF, "", "");
                assert_eq!(live.code, 200, "{}", live.value);
                world.written(path, &live.value);
                (PROTOBUF, if read.is_good() { read.bytes.to_vec() } else { object.to_string().into_bytes() })
            }
            _ => ("application/json", object.to_string().into_bytes()),
        };
        if media == PROTOBUF || source.one_in(3) {
            source.scratch(&mut body, 3);
        }
        let made = world.ask(&format!("POST {path}{strict}"), "application/json", media, body);
        if made.is_good() && strict != "?dryRun=All" {
            world.written(path, &made.value);
        }
    });
}
