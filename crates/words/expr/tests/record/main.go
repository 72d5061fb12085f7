// Records what the real expr-lang/expr v1.17.8 answers to generated expressions, one JSON list a line: source, type, value as
// %v (or "error" and its text). Run in a folder with this file:
//
//	go mod init record && go get github.com/expr-lang/expr@v1.17.8 && go run . SEED COUNT > recorded.jsonl
//
// The environment is the one of ../recorded.rs.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"
)

const envJSON = `{"s":"hello","t":"a,b,c","u":"1.10","n":3.5,"k":2,"b":true,"nilv":null,"l":[1,2,3],"ls":["b","a","c"],"e":[],"m":{"a":1,"b":{"c":"d"},"x":null},"xs":[{"a":1,"tag":"2.0","p":["x"]},{"a":2,"tag":"1.9","p":[]},{"a":1,"tag":"v2","p":["x","y"]}],"notx":5,"nilable":{"v":null}}`

var r *rand.Rand

func pick(xs ...string) string { return xs[r.Intn(len(xs))] }

func num(d int) string {
	if d <= 0 {
		return pick("1", "2", "0", "7", "3.5", "0.5", "n", "k", "notx", "0x1F", "1e3", "10", "-1", "100", "9007199254740993", "1_000", "#", "#acc", "#index", ".a", "i")
	}
	switch r.Intn(16) {
	case 0, 1, 2:
		return num(d-1) + " " + pick("+", "-", "*", "/", "%", "**", "^") + " " + num(d-1)
	case 3:
		return "(" + num(d-1) + ")"
	case 4:
		return "len(" + any_(d-1) + ")"
	case 5:
		return pick("int", "float", "abs", "ceil", "floor", "round", "bitnot") + "(" + any_(d-1) + ")"
	case 6:
		return pick("max", "min", "mean", "median", "sum") + "(" + list(d-1) + ")"
	case 7:
		return pick("count", "findIndex", "findLastIndex", "sum") + "(" + list(d-1) + ", " + bool_(d-1) + ")"
	case 8:
		return pick("indexOf", "lastIndexOf") + "(" + str(d-1) + ", " + str(d-1) + ")"
	case 9:
		return "reduce(" + list(d-1) + ", " + pick("#acc + #", "# * 2", "#acc - #index", num(d-1)) + pick("", ", 0", ", "+num(0)) + ")"
	case 10:
		return list(d-1) + "[" + num(0) + "]"
	case 11:
		return pick("bitand", "bitor", "bitxor", "bitnand", "bitshl", "bitshr", "bitushr") + "(" + num(0) + ", " + num(0) + ")"
	case 12:
		return "-" + num(d-1)
	case 13:
		return bool_(d-1) + " ? " + num(d-1) + " : " + num(d-1)
	case 14:
		return pick("max", "min", "mean", "median") + "(" + num(d-1) + ", " + num(d-1) + ")"
	}
	return num(0)
}
func str(d int) string {
	if d <= 0 {
		return pick(`"a"`, `'b'`, "`c`", "s", "t", "u", `""`, `"hello"`, `"héllo"`, `"1.10"`, `","`, "m.b.c", ".tag", "#", `"\u00e9\n"`, `"l"`)
	}
	switch r.Intn(14) {
	case 0:
		return str(d-1) + " + " + str(d-1)
	case 1:
		return pick("upper", "lower", "trim", "toBase64", "string", "type", "toJSON", "trimPrefix") + "(" + any_(d-1) + ")"
	case 2:
		return pick("trim", "trimPrefix", "trimSuffix") + "(" + str(d-1) + ", " + str(d-1) + ")"
	case 3:
		return "replace(" + str(d-1) + ", " + str(0) + ", " + str(0) + pick("", ", 1", ", -1") + ")"
	case 4:
		return "repeat(" + str(d-1) + ", " + pick("0", "2", "-1", "3") + ")"
	case 5:
		return "join(" + list(d-1) + pick("", `, "-"`) + ")"
	case 6:
		return str(d-1) + "[" + pick("0", "1", ":", "1:", ":2", "1:3", "-2:", "5:2", ":-1", "k:") + pick("]", "]", "]")
	case 7:
		return any_(d-1) + " ?? " + str(0)
	case 8:
		return bool_(d-1) + " ? " + str(d-1) + " : " + str(d-1)
	case 9:
		return str(d-1) + " | " + pick("upper()", "lower()", "trim()", "split(\",\") | join(\"+\")", "len()", "type()")
	case 10:
		return list(d-1) + pick("[0]", "[-1]", "?.[0]")
	case 11:
		return "let v" + pick("1", "2") + " = " + any_(d-1) + "; " + pick("v1", "v2", "string(v1)")
	case 12:
		return "if " + bool_(d-1) + " {" + str(d-1) + "} else {" + str(d-1) + "}"
	}
	return str(0)
}
func bool_(d int) string {
	if d <= 0 {
		return pick("true", "false", "b", "nilv", "# > 1", `.a == 1`, "not b", `.tag startsWith "v"`, "# == nil")
	}
	switch r.Intn(15) {
	case 0, 1:
		return num(d-1) + " " + pick("==", "!=", "<", ">", "<=", ">=") + " " + num(d-1)
	case 2:
		return str(d-1) + " " + pick("==", "!=", "<", ">", "contains", "startsWith", "endsWith", "matches", "not contains", "not in", "in") + " " + pick(str(d-1), list(d-1), `"^h.*o$"`, `"^[0-9]+$"`, `"("`)
	case 3:
		return bool_(d-1) + " " + pick("and", "or", "&&", "||") + " " + bool_(d-1)
	case 4:
		return pick("not ", "!") + bool_(d-1)
	case 5:
		return any_(d-1) + " " + pick("in", "not in") + " " + pick(list(d-1), "m", "$env", "1..3", `["a", "b"]`, "nil", `{a: 1}`)
	case 6, 7:
		return pick("all", "any", "none", "one") + "(" + list(d-1) + ", " + bool_(d-1) + ")"
	case 8:
		return any_(d-1) + " " + pick("==", "!=") + " " + any_(d-1)
	case 9:
		return num(d-1) + " < " + num(d-1) + " <= " + num(d-1)
	case 10:
		return pick("hasPrefix", "hasSuffix") + "(" + str(d-1) + ", " + str(d-1) + ")"
	case 11:
		return "(" + bool_(d-1) + ")"
	case 12:
		return pick("all", "any") + "(" + list(d-1) + ", {" + bool_(d-1) + "})"
	}
	return bool_(0)
}
func list(d int) string {
	if d <= 0 {
		return pick("l", "ls", "e", "xs", "[1, 2, 3]", "[]", `["a", "b"]`, "1..3", "[1, \"a\", nil]", "nilv", "m", "[[1], [2, [3]]]", "[1.5, 2]", "s", ".p", "[true, false]", "3..1", "[b, n]")
	}
	switch r.Intn(14) {
	case 0:
		return "filter(" + list(d-1) + ", " + bool_(d-1) + ")"
	case 1:
		return "map(" + list(d-1) + ", " + any_(d-1) + ")"
	case 2:
		return pick("sort", "reverse", "uniq", "flatten", "keys", "values", "toPairs") + "(" + list(d-1) + pick("", "", `, "desc"`) + ")"
	case 3:
		return "concat(" + list(d-1) + ", " + list(d-1) + ")"
	case 4:
		return "sortBy(" + list(d-1) + ", " + pick("#", ".a", ".tag", "-#", num(0)) + pick("", `, "desc"`, `, "asc"`, `, "x"`) + ")"
	case 5:
		return "[" + any_(d-1) + ", " + any_(d-1) + "]"
	case 6:
		return list(d-1) + pick("[1:]", "[:1]", "[:-1]", "[:]", "[0:2]", "[-2:]")
	case 7:
		return "split(" + str(d-1) + ", " + str(0) + pick("", ", 2") + ")"
	case 8:
		return "take(" + list(d-1) + ", " + num(0) + ")"
	case 9:
		return num(0) + ".." + num(0)
	case 10:
		return "splitAfter(" + str(d-1) + ", " + str(0) + ")"
	}
	return list(0)
}
func mapv(d int) string {
	switch r.Intn(6) {
	case 0:
		return "{a: " + any_(d-1) + ", 'b': " + any_(d-1) + "}"
	case 1:
		return "fromJSON(" + pick(`'{"a": [1, 2.5], "b": "x"}'`, `'[1'`, `'"x"'`, str(0)) + ")"
	case 2:
		return "m"
	case 3:
		return "m.b"
	case 4:
		return "find(xs, " + bool_(d-1) + ")"
	}
	return pick("nilable", "m", "xs[0]", "{}", "{(s): 1}", "{1: 2, \"a b\": 3}")
}
func any_(d int) string {
	switch r.Intn(9) {
	case 0, 1:
		return num(d)
	case 2, 3:
		return str(d)
	case 4:
		return bool_(d)
	case 5:
		return list(d)
	case 6:
		return mapv(d) + pick("", ".a", ".b", "?.x", "?.b?.c", `["a"]`, ".b.c", `?.["b"]`)
	case 7:
		return pick("nil", "nilv", "unknown", "unknown.x", "unknown?.x?.y", "nope(1)", "nilv?.a", "m.zz", "m.zz?.y", "first(e)", "last(l)", "get(m, \"a\")", "get(l, 9)", "s.x", "n.x", "l.x", "$env.s", "$env[\"s\"]", "s()", "duration(\"1h30m\")", "duration(\"1h\").Minutes()", "date(\"2023-08-14\").Year()", "date(\"2023-08-14\") - date(\"2023-08-10\")", "string(date(\"2023-08-14\").Month())", "b\"a\\xff\"", "fromPairs([[\"a\", 1]])", "date(\"2023-08-14T01:02:03Z\").Format(\"Jan 2\")", "if b {1} else {2}")
	}
	return "(" + any_(d-1-r.Intn(2)) + ")"
}
func noise(src string) string {
	if r.Intn(8) != 0 || len(src) == 0 {
		return src
	}
	toks := []string{"(", ")", "+", ".", "?.", "??", "|", "not", "in", "1", "a", "\"", "[", "]", "{", "}", ";", "let x = 1;", ",", "#", "/*c*/", "//c\n", "@", " ", "?:", ":", "::", "if", "1a", "1..", "\\", "'", "b'"}
	rs := []rune(src)
	at := r.Intn(len(rs) + 1)
	switch r.Intn(3) {
	case 0:
		return string(rs[:at]) + toks[r.Intn(len(toks))] + string(rs[at:])
	case 1:
		end := at + r.Intn(3)
		if end > len(rs) {
			end = len(rs)
		}
		return string(rs[:at]) + string(rs[end:])
	}
	return string(rs[:at]) + " " + string(rs[at:])
}

func run(src string) (string, string) {
	var env map[string]any
	_ = json.Unmarshal([]byte(envJSON), &env)
	env["i"] = 4
	program, err := expr.Compile(src)
	if err != nil {
		return "error", err.Error()
	}
	out, err := expr.Run(program, env)
	if err != nil {
		return "error", err.Error()
	}
	return fmt.Sprint(builtin.Type(out)), fmt.Sprintf("%v", out)
}

func main() {
	seed, _ := strconv.Atoi(os.Args[1])
	count, _ := strconv.Atoi(os.Args[2])
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if len(os.Args) > 3 {
		sc := bufio.NewScanner(os.Stdin)
		for sc.Scan() {
			var src string
			if json.Unmarshal(sc.Bytes(), &src) != nil {
				src = sc.Text()
			}
			t, v := run(src)
			enc.Encode([]string{src, t, v})
		}
		return
	}
	r = rand.New(rand.NewSource(int64(seed)))
	for i := 0; i < count; i++ {
		d := 1 + r.Intn(3)
		src := noise(any_(d))
		if len(src) > 300 || strings.Contains(src, "now()") {
			continue
		}
		t, v := run(src)
		if len(v) > 2000 {
			continue
		}
		enc.Encode([]string{src, t, v})
	}
}
