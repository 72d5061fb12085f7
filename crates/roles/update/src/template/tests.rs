use serde_json::json;

use super::*;

fn check(template: &str, expected: &str) {
    let input = json!({
        "depName": "a/b", "newValue": "1.5.0", "newMajor": 1, "isMajor": false, "isPatch": true, "labels": ["x", "y"], "secret": "s",
        "upgrades": [{"depName": "one", "newMajor": 0, "secret": "s"}, {"depName": "two", "upgrades": []}], "group": {"name": "n", "groupName": "g"},
        "prBodyDefinitions": {"Any": "free"},
    });
    let found = render(template, &input).unwrap_or_else(|error| format!("error: {error}"));
    assert_eq!(found, expected, "{template}");
}

#[test]
fn values_are_written() {
    check("{{depName}}:{{{newValue}}} {{& newMajor}}{{missing}}{{secret}}", "a/b:1.5.0 1");
    check("{{labels}} {{labels.[0]}} {{labels.[1]}} {{labels.length}} {{depName.length}}", "x,y x y 2 3");
    check("{{group.groupName}}{{group/groupName}}{{group.name}}{{prBodyDefinitions.Any}}{{this.depName}}{{./depName}}", "ggfreea/ba/b");
    check("{{newMajor}}{{newMajor}}{{isMajor}}", "11false");
    check("{{isMajor}} {{null}}{{undefined}}{{lookup labels 1}}{{@root.newValue}}", "false y1.5.0");
    check("\\{{depName}} \\\\{{depName}} {{! no }}{{!-- }} --}}{{\"depName\"}}", "{{depName}} \\a/b a/b");
}

#[test]
fn blocks_choose_and_repeat() {
    check("{{#if isPatch}}p{{else}}n{{/if}}{{#unless isPatch}}u{{/unless}}{{^isMajor}}i{{/isMajor}}", "pi");
    check("{{#if isMajor}}a{{else if isPatch}}b{{else}}c{{/if}}{{#if isMajor}}a{{else unless isPatch}}b{{else}}c{{/if}}", "bc");
    check("{{#each upgrades}}{{@index}}{{#if @last}}!{{/if}}{{depName}}{{../depName}}{{secret}};{{/each}}", "0onea/b;1!twoa/b;");
    check("{{#each labels as |label at|}}{{at}}{{label}}{{this}}{{/each}}{{#each missing}}x{{else}}none{{/each}}", "0xx1yynone");
    check(
        "{{#each group}}{{@key}}={{this}} {{/each}}{{#with group}}{{groupName}}{{/with}}{{#with missing}}{{else}}no{{/with}}",
        "groupName=g gno",
    );
    check("{{#each upgrades}}{{#if newMajor}}t{{else}}f{{/if}}{{#if newMajor includeZero=true}}t{{else}}f{{/if}}{{/each}}", "ftff");
    check("{{#labels}}[{{.}}]{{/labels}}{{#group}}{{groupName}}{{/group}}{{#missing}}x{{/missing}}", "[x][y]g");
    check("{{#each labels}}{{#each ../labels}}{{@../index}}{{@index}} {{/each}}{{/each}}", "00 01 10 11 ");
}

#[test]
fn blanks_are_handled() {
    check("a\n{{#if isPatch}}\nb\n{{/if}}\nc", "a\nb\nc");
    check("a\n  {{! note }}  \nb {{~depName~}} c\n{{#if isMajor}}\n x\n{{else}}\n y\n{{/if}}\n", "a\nba/bc\n y\n");
    check("{{#if isMajor}}\n1\n{{else if isPatch}}\n2\n{{else}}\n3\n{{/if}}\nend", "2\nend");
    check("{{#each labels~}}\n  {{this}},\n{{~/each}}", "x,y,");
}

#[test]
fn helpers_help() {
    check(
        "{{add 1 newMajor}} {{lowercase 'AB'}}{{uppercase \"cd\"}} {{containsString depName '/'}} {{equals newMajor 1}}",
        "2 abCD true true",
    );
    check("{{#if (and isPatch (or isMajor newMajor))}}yes{{/if}} {{includes labels 'x'}} {{split depName '/'}}", "yes true a,b");
    check(
        "{{encodeURIComponent depName}} {{decodeURIComponent 'a%2Fb'}} {{encodeBase64 'hé'}} {{decodeBase64 'aMOp'}}",
        "a%2Fb a/b aMOp hé",
    );
    check("{{replace '(?<x>[a-b])/(b)' '$<x>-$2$$$&' depName}} {{replace '/' '' depName}}", "a-b$a/b ab");
    check("{{toJSON (toObject 'b' 1 'a' (toArray labels null))}}", "{\"b\":1,\"a\":[[\"x\",\"y\"],null]}");
    check(
        "{{stringToPrettyJSON '{\"b\":[],\"a\":{\"x\":[1,\"\\u00e9\"]}}'}}",
        "{\n  \"b\": [],\n  \"a\": {\n    \"x\": [\n      1,\n      \"é\"\n    ]\n  }\n}",
    );
    check("{{distinct (split 'a,b,a' ',')}} {{lookupArray upgrades 'depName'}}", "a,b one,two");
}

#[test]
fn what_is_wrong_is_named() {
    check("{{#if a}}", "error: the template is malformed at byte 9: a block does not end");
    check("{{#if a}}{{/unless}}", "error: the template is malformed at byte 20: a block is closed under another name");
    check("{{/if}}", "error: the template is malformed at byte 7: it closes what is not open");
    check("{{", "error: the template is malformed at byte 2: expected an expression");
    check("{{labels.1}}", "error: the template is malformed at byte 9: a number in a path stands in brackets");
    check("{{> part}}", "error: partials are not supported in templates");
    check("{{{{raw}}}}{{{{/raw}}}}", "error: raw blocks are not supported in templates");
    check("{{shout depName}}", "error: the template fails: there is no helper \"shout\"");
    check("{{group}}", "error: the template fails: a map cannot be written");
    check("{{add 1 'x'}}", "error: the template fails: add: the parameters are no numbers");
    check("{{replace '[' '' depName}}", "error: the template fails: replace: \"[\" is no regular expression: missing closing ]: `[`");
    check("{{toObject 'a'}}", "error: the template fails: toObject: it needs a value for each name");
    check("{{decodeURIComponent '%zz'}}", "error: the template fails: decodeURIComponent: a % stands before no number");
}

#[test]
fn costs_are_bounded() {
    check(&"{{#if isPatch}}".repeat(60), "error: the template is too large: its nesting");
    check(&format!("{{{{#if {}", "(and ".repeat(100)), "error: the template is too large: its nesting");
    check(&" ".repeat(70_000), "error: the template is too large: its text");
    let many = "{{#each (split '0123456789' '')}}".repeat(12) + "x" + &"{{/each}}".repeat(12);
    check(&many, "error: the template is too large: its steps");
    let large = format!("{{{{#each (split '{}' '')}}}}{}{{{{/each}}}}", "0".repeat(3_000), "y".repeat(3_000));
    check(&large, "error: the template is too large: what it writes");
}
