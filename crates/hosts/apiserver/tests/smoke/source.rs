//! Choices from bytes, and what is made of valid things by them. When the bytes are over, every choice is the first one.

use serde_json::{Map, Value, json};

pub struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Source<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn byte(&mut self) -> u8 {
        let found = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        found
    }

    pub fn below(&mut self, end: usize) -> usize {
        let number = usize::from(self.byte()) | (if end > 200 { usize::from(self.byte()) << 8 } else { 0 });
        number % end.max(1)
    }

    pub fn one_in(&mut self, many: usize) -> bool {
        self.below(many) + 1 == many
    }

    pub fn pick<'b, T>(&mut self, all: &'b [T]) -> &'b T {
        &all[self.below(all.len())]
    }

    /// Returns words that mean something somewhere, one after the other.
    pub fn words(&mut self, all: &[&str], most: usize) -> String {
        (0..self.below(most + 1)).map(|_| *self.pick(all)).collect()
    }

    /// Returns a value that hardly ever belongs where it is put.
    pub fn odd(&mut self) -> Value {
        match self.below(20) {
            0 => Value::Null,
            1 => json!(""),
            2 => json!("a"),
            3 => json!("A_b/c..d-"),
            4 => json!("x".repeat(300)),
            5 => json!(-1),
            6 => json!(0),
            7 => json!(1.5),
            8 => json!(i64::MAX),
            9 => json!(u64::MAX),
            10 => json!(1e300),
            11 => json!(true),
            12 => json!([]),
            13 => json!({}),
            14 => json!([null, {}, "a"]),
            15 => json!({"a": {"b": [1]}, "": null}),
            16 => json!("2026-01-01T00:00:00Z"),
            17 => json!("1Gi"),
            18 => json!("ü\u{0}\u{7f}"),
            _ => json!(["a", "a"]),
        }
    }

    /// Changes some of a value.
    pub fn change(&mut self, value: &mut Value, most: usize) {
        for _ in 0..self.below(most + 1) {
            let mut all = Vec::new();
            pointers(value, String::new(), &mut all);
            let pointer = self.pick(&all).clone();
            let from = self.pick(&all).clone();
            let other = value.pointer(&from).cloned().unwrap_or_default();
            let odd = self.odd();
            let Some(place) = value.pointer_mut(&pointer) else { continue };
            match (self.below(6), place) {
                (0, place) => *place = odd,
                (1, place) => *place = other,
                (2, Value::Object(map)) => {
                    map.insert("unknown".to_owned(), odd);
                }
                (3, Value::Object(map)) => {
                    let names: Vec<String> = map.keys().cloned().collect();
                    if !names.is_empty() {
                        map.remove(self.pick(&names));
                    }
                }
                (4, Value::Array(list)) => {
                    let again = list.first().cloned().unwrap_or(odd);
                    list.push(again);
                }
                (_, Value::String(text)) => text.push_str(["-", ".", "/", "1", " "][self.below(5)]),
                (_, place) => *place = odd,
            }
        }
    }

    /// Changes some bytes.
    pub fn scratch(&mut self, bytes: &mut Vec<u8>, most: usize) {
        for _ in 0..self.below(most + 1) {
            let (at, byte) = (self.below(bytes.len().max(1)), self.byte());
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.insert(at.min(bytes.len()), byte),
                3 => bytes.truncate(at),
                _ => {
                    let end = (at + self.below(20)).min(bytes.len());
                    let part: Vec<u8> = bytes.get(at..end).unwrap_or_default().to_vec();
                    bytes.splice(at.min(bytes.len())..at.min(bytes.len()), part);
                }
            }
        }
    }

    /// Returns a part of a value, from its top.
    pub fn part(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut kept = Map::new();
                for (name, inner) in map {
                    if !self.one_in(2) {
                        kept.insert(name.clone(), self.part(inner));
                    }
                }
                Value::Object(kept)
            }
            Value::Array(list) => list.iter().map(|one| self.part(one)).collect(),
            other => other.clone(),
        }
    }
}

pub fn pointers(value: &Value, here: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                pointers(inner, format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(list) => list.iter().enumerate().for_each(|(index, one)| pointers(one, format!("{here}/{index}"), found)),
        _ => {}
    }
    found.push(here);
}
