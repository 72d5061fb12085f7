//! What holds of server-side apply and of the ownership of fields, whatever the schema, the configurations and the order of
//! writes. Against a model that knows objects only as leaves with paths.

mod chance;
#[path = "chance/shapes.rs"]
mod shapes;

use std::collections::{BTreeMap, BTreeSet};

use chance::Dice;
use patch::{ApplyError, FieldSet, Operation, Shape, Writer, apply, managed_entries, same_but_for_times, track_update};
use schema::Schema;
use serde_json::{Map, Value, json};

/// How many worlds there are, and how many writes happen in each.
const SEEDS: u64 = 150;
const WRITES: usize = 12;
const MANAGERS: [&str; 4] = ["alice", "bob", "carl", "dora"];

struct World {
    dice: Dice,
    schema: Value,
    shape: Shape,
    empty: Value,
    time: usize,
    /// What was applied last.
    applied: Value,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let schema = shapes::root(&mut dice);
        let shape = Shape::resource(&Schema::compile(&schema, "s").unwrap_or_else(|error| panic!("seed {seed}: {error}\n{schema}")));
        Self { dice, schema, shape, empty: json!({}), time: 0, applied: json!({}) }
    }

    fn object(&self, mut fields: Value) -> Value {
        fields["apiVersion"] = json!("v1");
        fields["kind"] = json!("X");
        fields["metadata"] = json!({"name": "a"});
        fields
    }

    fn config(&mut self) -> Value {
        let fields = shapes::value(&mut self.dice, &self.schema);
        self.object(fields)
    }

    /// An object of which nobody owns anything is not tracked; somebody always owns this.
    fn kept(&self) -> Value {
        let mut kept = self.object(json!({}));
        kept["metadata"]["labels"] = json!({"kept": "1"});
        kept
    }

    fn apply(&mut self, live: Option<&Value>, config: &Value, manager: &str, force: bool) -> Result<Value, ApplyError> {
        self.time += 1;
        let now = format!("2026-01-01T00:{:02}:{:02}Z", self.time / 60 % 60, self.time % 60);
        let writer = Writer { manager, api_version: "v1", subresource: "", now: &now, empty: &self.empty, reset: FieldSet::nothing() };
        apply(live, config, writer, force, &self.shape)
    }

    fn update(&mut self, live: Option<&Value>, wanted: &Value, manager: &str) -> Value {
        self.time += 1;
        let now = format!("2026-01-01T00:{:02}:{:02}Z", self.time / 60 % 60, self.time % 60);
        let mut new = wanted.clone();
        if let Some(fields) = live.and_then(|live| live["metadata"].get("managedFields")) {
            new["metadata"]["managedFields"] = fields.clone();
        }
        let writer = Writer { manager, api_version: "v1", subresource: "", now: &now, empty: &self.empty, reset: FieldSet::nothing() };
        track_update(live, &mut new, writer, &self.shape);
        new
    }

    /// Returns the object after some other write than an apply: something of it stays.
    fn mixed(&mut self, live: &Value) -> Value {
        let mut fields = self.config();
        let some = shapes::some(&mut self.dice, live, &self.schema);
        fields["metadata"]["labels"] = live["metadata"]["labels"].clone();
        for (name, value) in some.as_object().into_iter().flatten() {
            if name.starts_with('q') && !self.dice.one_in(3) {
                fields[name] = value.clone();
            }
        }
        fields
    }

    /// Lets several managers write and returns what is there then.
    fn lived(&mut self, writes: usize) -> Value {
        let (kept, first) = (self.kept(), self.config());
        let mut live = match self.dice.one_in(2) {
            true => {
                let mut all = first;
                all["metadata"]["labels"] = json!({"kept": "1"});
                self.update(None, &all, "keeper")
            }
            false => {
                let live = self.apply(None, &kept, "keeper", false).expect("nobody is there");
                self.apply(Some(&live), &first, "alice", false).expect("nobody is there")
            }
        };
        for _ in 0..writes {
            live = self.step(&live);
        }
        live
    }

    fn step(&mut self, live: &Value) -> Value {
        let manager = *self.dice.pick(&MANAGERS);
        if self.dice.one_in(3) {
            let wanted = self.mixed(live);
            return self.update(Some(live), &wanted, manager);
        }
        let config = self.config();
        let force = self.dice.one_in(2);
        self.applied = config.clone();
        self.apply(Some(live), &config, manager, force).unwrap_or_else(|_| live.clone())
    }

    fn leaves(&self, object: &Value) -> Leaves {
        let mut found = Leaves::new();
        flatten(object, &self.schema, "", &mut found);
        found
    }
}

/// Every leaf and every item of an object below its own fields, by path; a container that is empty is no leaf.
type Leaves = BTreeMap<String, Value>;

fn flatten(value: &Value, schema: &Value, path: &str, found: &mut Leaves) {
    match value {
        Value::Null => {}
        Value::Object(map) if !shapes::is(schema, "map-type", "atomic") => {
            for (name, inner) in map {
                if path.is_empty() && !name.starts_with('q') {
                    continue;
                }
                let inside = schema["properties"].get(name).or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null);
                flatten(inner, inside, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(list) if !shapes::keys(schema).is_empty() => {
            for one in list {
                let here = format!("{path}{}", identity(one, schema));
                flatten(one, &schema["items"], &here, found);
                found.insert(here, Value::Null);
            }
        }
        Value::Array(list) if shapes::is(schema, "list-type", "set") => {
            found.extend(list.iter().map(|one| (format!("{path}[={one}]"), Value::Null)));
        }
        leaf => {
            found.insert(path.to_owned(), leaf.clone());
        }
    }
}

fn identity(item: &Value, schema: &Value) -> String {
    let part = |key: &&str| {
        let value = item.get(*key).or_else(|| schema["items"]["properties"][*key].get("default"));
        value.map(|value| format!("{key}={value}"))
    };
    let mut keys = shapes::keys(schema);
    keys.sort_unstable();
    format!("[{}]", keys.iter().filter_map(part).collect::<Vec<_>>().join(","))
}

/// Every path that anybody owns.
fn owned(object: &Value) -> BTreeSet<String> {
    managed_entries(object).iter().flat_map(|entry| entry.fields.paths()).collect()
}

/// What each owner owns, by the words in which conflicts name it.
fn by_owner(object: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let name = |entry: &patch::Entry| match entry.operation {
        Operation::Apply => json!(entry.manager).to_string(),
        Operation::Update => format!("{} using v1", json!(entry.manager)),
    };
    managed_entries(object).iter().map(|entry| (name(entry), entry.fields.paths().into_iter().collect())).collect()
}

fn below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Takes what may stand in any order out of it: two managers' items of lists with keys, and of sets.
fn in_order(value: &Value, schema: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(name, inner)| {
                    let inside = schema["properties"].get(name).or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null);
                    (name.clone(), in_order(inner, inside))
                })
                .collect(),
        ),
        Value::Array(list) if !shapes::keys(schema).is_empty() || shapes::is(schema, "list-type", "set") => {
            let mut list: Vec<Value> = list.iter().map(|one| in_order(one, &schema["items"])).collect();
            list.sort_by_key(|one| if one.is_object() { identity(one, schema) } else { one.to_string() });
            Value::Array(list)
        }
        other => other.clone(),
    }
}

/// Tells whether a configuration's empty maps and lists are all there: where an apply takes the last of what was in one, the
/// real server, too, leaves nothing, and the next apply puts it back.
fn has_all(object: Option<&Value>, config: &Value) -> bool {
    match (object, config) {
        (None | Some(Value::Null), _) => false,
        (Some(Value::Object(map)), Value::Object(config)) => config.iter().all(|(name, inner)| has_all(map.get(name), inner)),
        // Items of lists are looked for wherever they are.
        (Some(Value::Array(list)), Value::Array(config)) => config.iter().all(|one| list.iter().any(|other| has_all(Some(other), one))),
        (Some(value), config) => value == config,
    }
}

#[test]
fn an_apply_is_idempotent() {
    let mut exact = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let live = world.lived(WRITES);
        for _ in 0..4 {
            let config = world.config();
            let once = world.apply(Some(&live), &config, "dora", true).expect("forced");
            if !has_all(Some(&once), &config) {
                continue;
            }
            let twice = world.apply(Some(&once), &config, "dora", false).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert!(same_but_for_times(&once, &twice), "seed {seed}:\nlive {live}\nconfig {config}\nonce {once}\ntwice {twice}");
            // The times, too, are those of the first.
            assert_eq!(once, twice, "seed {seed}");
            exact += 1;
        }
    }
    assert!(exact > SEEDS * 3, "empty maps are everywhere: {exact}");
}

/// Returns a value without what is empty in it.
fn filled(value: &Value) -> Value {
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, inner)| (name.clone(), filled(inner))).filter(|(_, inner)| !empty(inner)).collect())
        }
        Value::Array(list) => list.iter().map(filled).collect(),
        other => other.clone(),
    }
}

#[test]
fn managers_that_want_parts_of_the_same_commute() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let whole = filled(&world.config());
        let kept = world.kept();
        let nothing = world.apply(None, &kept, "keeper", false).expect("nobody is there");
        let base = world.apply(Some(&nothing), &whole, "base", false).expect("nobody is there");
        let parts: Vec<(&str, Value)> = ["alice", "bob", "carl"]
            .into_iter()
            .map(|manager| {
                let some = filled(&shapes::some(&mut world.dice, &whole, &world.schema));
                (manager, world.object(some))
            })
            .collect();
        let empty = world.object(json!({}));
        let mut ends = Vec::new();
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
            for first in [&nothing, &base] {
                let mut live = first.clone();
                for at in order {
                    let (manager, config) = &parts[at];
                    live = world.apply(Some(&live), config, manager, false).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                }
                // Who was there first leaves, and nothing of theirs stays.
                let alone = world.apply(Some(&live), &empty, "base", false).expect("asks for nothing");
                ends.push((world.leaves(&alone), by_owner(&alone), in_order(&alone["q0"], &world.schema["properties"]["q0"])));
            }
        }
        for end in &ends[1..] {
            assert_eq!((&end.0, &end.1), (&ends[0].0, &ends[0].1), "seed {seed}");
        }
    }
}

#[test]
fn what_the_owners_own_is_what_is_there() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let mut live = world.lived(0);
        let mut emptied = BTreeSet::new();
        for write in 0..WRITES {
            let before = live.clone();
            live = world.step(&live);
            // See `has_all`: what was applied as an empty map may be owned and not there.
            let wanted = world.leaves(&world.applied);
            emptied.extend(asked(&world.applied, &world.schema).into_iter().filter(|path| !wanted.contains_key(path)));
            let (paths, leaves) = (owned(&live), world.leaves(&live));
            let told = || format!("seed {seed}, write {write}\n{before}\n{live}");
            for leaf in leaves.keys() {
                assert!(paths.contains(leaf), "nobody owns {leaf}: {}", told());
            }
            for path in &paths {
                let place = find(&live, &world.schema, path);
                assert!(place || emptied.contains(path), "{path} is owned and not there: {}", told());
            }
        }
    }
}

/// Tells whether there is anything at a path, be it empty.
fn find(object: &Value, schema: &Value, path: &str) -> bool {
    fn walk(value: &Value, schema: &Value, here: &str, wanted: &str) -> bool {
        if here == wanted {
            return true;
        }
        if !below(wanted, here) {
            return false;
        }
        match value {
            Value::Object(map) => map.iter().any(|(name, inner)| {
                let inside = schema["properties"].get(name).or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null);
                walk(inner, inside, &format!("{here}.{name}"), wanted)
            }),
            Value::Array(list) => list.iter().any(|one| {
                let step = if one.is_object() { identity(one, schema) } else { format!("[={one}]") };
                walk(one, &schema["items"], &format!("{here}{step}"), wanted)
            }),
            _ => false,
        }
    }
    walk(object, schema, "", path)
}

#[test]
fn force_takes_exactly_what_is_in_conflict() {
    let mut met = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let live = world.lived(WRITES);
        for _ in 0..4 {
            let config = world.config();
            let told: BTreeMap<String, BTreeSet<String>> = match world.apply(Some(&live), &config, "dora", false) {
                Ok(_) => BTreeMap::new(),
                Err(ApplyError::Conflicts(conflicts)) => {
                    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                    for one in conflicts.0 {
                        assert!(told.entry(one.owner).or_default().insert(one.path), "seed {seed}: told twice");
                    }
                    met += 1;
                    told
                }
                Err(error) => panic!("seed {seed}: {error}"),
            };
            let forced = world.apply(Some(&live), &config, "dora", true).expect("forced");
            let (before, after) = (by_owner(&live), by_owner(&forced));
            for (owner, had) in before.iter().filter(|(owner, _)| *owner != "\"dora\"") {
                let has = after.get(owner).cloned().unwrap_or_default();
                let wanted = told.get(owner).cloned().unwrap_or_default();
                // What is no more belongs to nobody.
                let lost: BTreeSet<String> = had.difference(&has).cloned().collect();
                let explained = |path: &String| wanted.contains(path) || !find(&forced, &world.schema, path);
                assert!(lost.is_superset(&wanted) && lost.iter().all(explained), "seed {seed}: {owner} lost {lost:?}, told {wanted:?}");
                assert!(has.is_subset(had), "seed {seed}: {owner} was given something");
            }
            let mine = after.get("\"dora\"").cloned().unwrap_or_default();
            for path in world.leaves(&config).keys() {
                assert!(mine.contains(path), "seed {seed}: {path} was applied and is not owned");
            }
        }
    }
    assert!(met > 100, "conflicts were hardly met: {met}");
}

/// The whole of an apply in terms of leaves: what is wanted is there, what the manager wanted before and nobody else owns is
/// gone, everything else is as it was.
#[test]
fn what_is_dropped_goes_unless_somebody_else_owns_it() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let mut live = world.lived(2);
        for write in 0..WRITES {
            let (manager, config) = (*world.dice.pick(&MANAGERS), world.config());
            let done = world.apply(Some(&live), &config, manager, true).expect("forced");
            let wanted = world.leaves(&config);
            let entries = managed_entries(&live);
            let own = |entry: &&patch::Entry| entry.manager == manager && entry.operation == Operation::Apply;
            let last: Vec<String> = entries.iter().filter(own).flat_map(|entry| entry.fields.paths()).collect();
            let others: Vec<String> = entries.iter().filter(|entry| !own(entry)).flat_map(|entry| entry.fields.paths()).collect();
            let asked = asked(&config, &world.schema);
            // An item, or an entry of a map of any names, is held by whoever owns it, a declared field by what is below it, too.
            let needed = |path: &str| {
                let mut all = others.iter().chain(&asked);
                if whole(path, &world.schema) { all.any(|kept| kept == path) } else { all.any(|kept| below(kept, path)) }
            };
            let gone = |path: &str| last.iter().any(|dropped| below(path, dropped) && !needed(dropped));
            let mut expected = world.leaves(&live);
            // What is wanted as another form than before replaces what was below, or above.
            let emptied = |path: &String| asked.contains(path) && !wanted.contains_key(path);
            expected.retain(|path, _| {
                !gone(path) && !emptied(path) && !wanted.keys().any(|new| new != path && clashes(path, new, &config, &world.schema))
            });
            expected.extend(wanted.clone());
            let found = world.leaves(&done);
            let stays: Vec<_> = found.iter().filter(|(path, value)| expected.get(*path) != Some(value)).collect();
            let lacks: Vec<_> = expected.iter().filter(|(path, value)| found.get(*path) != Some(value)).collect();
            assert!(
                stays.is_empty() && lacks.is_empty(),
                "seed {seed}, write {write}: {manager}'s apply left {stays:?} and took {lacks:?}\nconfig {config}\nlive {live}\ndone {done}"
            );
            live = if world.dice.one_in(3) { world.step(&done) } else { done };
        }
    }
}

/// Tells whether a path is that of an item of a list, or of an entry that no schema declares.
fn whole(path: &str, schema: &Value) -> bool {
    let (mut schema, mut rest, mut whole) = (schema, path, false);
    while !rest.is_empty() {
        if rest.starts_with('[') {
            let end = rest.find(']').expect("closed") + 1;
            (schema, rest, whole) = (&schema["items"], &rest[end..], true);
            continue;
        }
        let end = rest[1..].find(['.', '[']).map_or(rest.len(), |end| end + 1);
        let declared = schema["properties"].get(&rest[1..end]);
        (schema, rest, whole) = (declared.unwrap_or(&schema["additionalProperties"]), &rest[end..], declared.is_none());
    }
    whole
}

/// A single value in the place of a map, or a map in the place of a single value.
fn clashes(old: &str, new: &str, config: &Value, schema: &Value) -> bool {
    let item = |path: &str| path.ends_with(']');
    (below(old, new) && !item(new)) || (below(new, old) && !item(old) && find(config, schema, old))
}

/// Every path that a configuration names, empty containers among them.
fn asked(config: &Value, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    fn walk(value: &Value, schema: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) if !shapes::is(schema, "map-type", "atomic") => {
                for (name, inner) in map {
                    let inside = schema["properties"].get(name).or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null);
                    let here = format!("{path}.{name}");
                    walk(inner, inside, &here, found);
                    if schema["properties"].get(name).is_none() {
                        found.push(here);
                    }
                }
                if map.is_empty() {
                    found.push(path.to_owned());
                }
            }
            Value::Array(list) if !shapes::keys(schema).is_empty() => {
                for one in list {
                    let here = format!("{path}{}", identity(one, schema));
                    found.push(here.clone());
                    walk(one, &schema["items"], &here, found);
                }
            }
            Value::Array(list) if shapes::is(schema, "list-type", "set") => {
                found.extend(list.iter().map(|one| format!("{path}[={one}]")));
            }
            _ => found.push(path.to_owned()),
        }
    }
    walk(config, schema, "", &mut found);
    found
}

/// Every list with keys, and every set, of an object, as the identities of its items.
fn lists(value: &Value, schema: &Value, path: &str, found: &mut BTreeMap<String, Vec<String>>) {
    match value {
        Value::Object(map) if !shapes::is(schema, "map-type", "atomic") => {
            for (name, inner) in map {
                let inside = schema["properties"].get(name).or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null);
                lists(inner, inside, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(list) if !shapes::keys(schema).is_empty() => {
            found.insert(path.to_owned(), list.iter().map(|one| identity(one, schema)).collect());
            for one in list {
                lists(one, &schema["items"], &format!("{path}{}", identity(one, schema)), found);
            }
        }
        Value::Array(list) if shapes::is(schema, "list-type", "set") => {
            found.insert(path.to_owned(), list.iter().map(Value::to_string).collect());
        }
        _ => {}
    }
}

/// The items of a configuration stand in its order, the others in the order in which they stood.
#[test]
fn lists_keep_the_order_of_the_configuration_and_of_the_rest() {
    let mut seen = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let mut live = world.lived(3);
        for _ in 0..WRITES {
            let (manager, config) = (*world.dice.pick(&MANAGERS), world.config());
            let done = world.apply(Some(&live), &config, manager, true).expect("forced");
            let (mut before, mut wanted, mut after) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            lists(&live, &world.schema, "", &mut before);
            lists(&config, &world.schema, "", &mut wanted);
            lists(&done, &world.schema, "", &mut after);
            for (path, order) in &after {
                let distinct: BTreeSet<&String> = order.iter().collect();
                assert_eq!(distinct.len(), order.len(), "seed {seed}: {path} has an item twice: {order:?}");
                let none = Vec::new();
                let (configured, old) = (wanted.get(path).unwrap_or(&none), before.get(path).unwrap_or(&none));
                let chosen: Vec<&String> = order.iter().filter(|one| configured.contains(one)).collect();
                assert_eq!(chosen, configured.iter().collect::<Vec<_>>(), "seed {seed}: {path} of {order:?}");
                let rest: Vec<&String> = order.iter().filter(|one| !configured.contains(one)).collect();
                let stood: Vec<&String> = old.iter().filter(|one| !configured.contains(one) && order.contains(one)).collect();
                assert_eq!(rest, stood, "seed {seed}: {path} of {order:?}");
                seen += usize::from(order.len() > 2 && chosen.len() > 1);
            }
            live = done;
        }
    }
    assert!(seen > 100, "lists were hardly met: {seen}");
}

#[test]
fn writes_that_change_nothing_change_nothing() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let live = world.lived(WRITES);
        for manager in ["alice", "somebody"] {
            let same = world.update(Some(&live), &live, manager);
            assert_eq!(same, live, "seed {seed}");
        }
        // Who applies nothing for the first time owns nothing.
        let nothing = world.object(json!({}));
        let same = world.apply(Some(&live), &nothing, "somebody", false).expect("asks for nothing");
        assert!(same_but_for_times(&same, &live), "seed {seed}:\n{live}\n{same}");
        // Who applies what is there already meets nobody and takes from nobody.
        let some = shapes::some(&mut world.dice, &live, &world.schema);
        let fields: Map<String, Value> = some
            .as_object()
            .expect("an object")
            .iter()
            .filter(|(name, _)| name.starts_with('q'))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let config = world.object(Value::Object(fields));
        let joined =
            world.apply(Some(&live), &config, "somebody", false).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{live}\n{config}"));
        assert_eq!(world.leaves(&joined), world.leaves(&live), "seed {seed}");
        let (before, mut after) = (by_owner(&live), by_owner(&joined));
        after.remove("\"somebody\"");
        assert_eq!(before, after, "seed {seed}");
    }
}

#[test]
fn more_updates_than_are_kept_are_merged_and_lose_nothing() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let mut live = world.lived(0);
        for number in 0..15 {
            let wanted = world.mixed(&live);
            live = world.update(Some(&live), &wanted, &format!("updater-{number}"));
            let paths = owned(&live);
            assert!(world.leaves(&live).keys().all(|leaf| paths.contains(leaf)), "seed {seed}");
            let updates = managed_entries(&live).iter().filter(|entry| entry.operation == Operation::Update).count();
            assert!(updates <= 10, "seed {seed}: {updates}");
        }
    }
}

fn fields(dice: &mut Dice, depth: usize) -> FieldSet {
    let steps = [
        "f:a",
        "f:",
        "f:a.b",
        "f:f:",
        "k:{\"name\":\"a\"}",
        "k:{\"name\":\"]\",\"port\":1}",
        "v:\"x\"",
        "v:1",
        "v:null",
        "i:0",
        "f:ü",
        "f:.",
    ];
    let mut set = FieldSet { member: depth < 3 && dice.one_in(2), children: BTreeMap::new() };
    for _ in 0..if depth == 0 { 0 } else { dice.below(4) } {
        let inner = fields(dice, depth - 1);
        if !inner.is_empty() {
            set.children.insert((*dice.pick(&steps)).to_owned(), inner);
        }
    }
    set
}

/// The paths of a set, as steps: as texts some look like others.
fn members(set: &FieldSet, path: &mut Vec<String>, found: &mut BTreeSet<Vec<String>>) {
    if set.member {
        found.insert(path.clone());
    }
    for (step, below) in &set.children {
        path.push(step.clone());
        members(below, path, found);
        path.pop();
    }
}

#[test]
fn fields_survive_their_json_and_are_a_set() {
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let (left, right) = (fields(&mut dice, 3), fields(&mut dice, 3));
        let text = left.encode().to_string();
        let read = FieldSet::decode(&serde_json::from_str(&text).expect("JSON"));
        assert_eq!(read, left, "seed {seed}: {text}");
        let paths = |set: &FieldSet| {
            let mut found = BTreeSet::new();
            members(set, &mut Vec::new(), &mut found);
            found
        };
        let (ours, theirs) = (paths(&left), paths(&right));
        let mut union = left.clone();
        union.union(&right);
        assert_eq!(paths(&union), ours.union(&theirs).cloned().collect(), "seed {seed}");
        assert_eq!(paths(&left.intersection(&right)), ours.intersection(&theirs).cloned().collect(), "seed {seed}");
        let mut rest = left.clone();
        rest.subtract(&right);
        assert_eq!(paths(&rest), ours.difference(&theirs).cloned().collect(), "seed {seed}");
        assert_eq!(FieldSet::decode(&rest.encode()), rest, "seed {seed}");
    }
}

#[test]
fn managed_fields_survive_their_json() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let live = world.lived(WRITES);
        let read: Value = serde_json::from_str(&live.to_string()).expect("JSON");
        assert_eq!(managed_entries(&read), managed_entries(&live), "seed {seed}");
        for entry in managed_entries(&live) {
            assert_eq!(FieldSet::decode(&entry.fields.encode()), entry.fields, "seed {seed}");
        }
    }
}
