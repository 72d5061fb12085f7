// Records what the originals answer to generated inputs, one JSON list a line, the answer last. Run in a folder with this file:
//
//	go mod init record && go get github.com/Masterminds/semver/v3@v3.5.0 github.com/bmatcuk/doublestar/v4@v4.10.4 \
//	  github.com/fluxcd/pkg/envsubst@v1.4.0 k8s.io/client-go@v0.35.0 k8s.io/apimachinery@v0.35.0 github.com/go-git/go-git/v5 &&
//	go run . SEED COUNT KIND > KIND.jsonl
//
// KIND is version, constraint, compare, duration, quantity, envsubst, regexp, doublestar, gitignore, jsonpath, labels or fields.
package main
import ("encoding/json";"fmt";"math/rand";"os";"strconv";"time";"regexp"
 "github.com/Masterminds/semver/v3"
 "github.com/bmatcuk/doublestar/v4"
 "github.com/fluxcd/pkg/envsubst"
 "k8s.io/apimachinery/pkg/api/resource"
 "k8s.io/apimachinery/pkg/labels"
 "k8s.io/apimachinery/pkg/fields"
 "k8s.io/client-go/util/jsonpath"
 "github.com/go-git/go-git/v5/plumbing/format/gitignore"
 "bytes"
 "strings"
)
var r *rand.Rand
func pick(xs ...string) string { return xs[r.Intn(len(xs))] }
func many(n int, xs ...string) string { s := ""; for k := r.Intn(n)+1; k>0; k-- { s += pick(xs...) }; return s }
func ver() string { return many(6,"1","0","2","10",".",".","-","+","rc","a","v","01","x") }
func gver() string { s := pick("","","v")+pick("0","1","2","10"); if r.Intn(5)>0 { s += "."+pick("0","1","2","5") ; if r.Intn(4)>0 { s += "."+pick("0","1","3","123") } }; if r.Intn(4)==0 { s += "-"+pick("rc.1","alpha","0","rc.10","1") }; if r.Intn(8)==0 {s += "+b1"}; return s }
func con() string { s := ""; for k := r.Intn(3)+1; k>0; k-- { s += pick("","=","!=",">","<",">=","=>","<=","=<","~","~>","^") + pick("","", " ") + pick(gver(),gver(),"*","x","1.x","1.2.*","0.x",gver()); if k>1 { s += pick(" ",", ",","," || "," - ","||") } }; if r.Intn(12)==0 { s += pick("|","x","-"," "," ,") }; return s }
func out(a ...any) { enc.Encode(a) }
var enc *json.Encoder
func errs(err error) any { if err == nil { return nil }; return err.Error() }
func main() {
 seed,_ := strconv.Atoi(os.Args[1]); n,_ := strconv.Atoi(os.Args[2]); kind := os.Args[3]
 r = rand.New(rand.NewSource(int64(seed)))
 enc = json.NewEncoder(os.Stdout); enc.SetEscapeHTML(false)
 for i:=0;i<n;i++ { switch kind {
 case "version":
  s := pick(ver(), gver()); v, err := semver.NewVersion(s); sv, err2 := semver.StrictNewVersion(s)
  a, b := "", ""; if err == nil { a = v.String() } else { a = "error "+err.Error() }; if err2 == nil { b = sv.String() } else { b = "error "+err2.Error() }
  out(s, a, b)
 case "constraint":
  c := con(); v := gver(); cc, err := semver.NewConstraint(c)
  if err != nil { out(c, v, "error "+err.Error()); continue }
  vv, err := semver.NewVersion(v); if err != nil { continue }
  ok, why := cc.Validate(vv); w := []string{}; for _, e := range why { w = append(w, e.Error()) }
  if ok != cc.Check(vv) { panic(c) }
  out(c, v, fmt.Sprint(ok, " ", strings.Join(w, "; "), " ", cc.String()))
 case "compare":
  a, b := gver(), gver(); x, e1 := semver.NewVersion(a); y, e2 := semver.NewVersion(b); if e1 != nil || e2 != nil { continue }
  out(a, b, x.Compare(y))
 case "duration":
  s := many(5,"1","0","5",".","h","m","s","ms","us","µs","ns","-","+","1h","0.3","99999999","d"," ")
  d, err := time.ParseDuration(s); if err != nil { out(s, "error "+err.Error()) } else { out(s, d.String()) }
 case "quantity":
  s := many(4,"1","0","5",".","1024","Ki","Mi","Gi","m","u","n","k","M","G","E","e3","E-2","-","+","000","9223372036854775807","i"," ")
  q, err := resource.ParseQuantity(s); if err != nil { out(s, "error "+err.Error()) } else { out(s, q.String()+" "+fmt.Sprint(q.Value())) }
 case "envsubst":
  s := many(7,"${","}","$","v","u","n",":","-","=","?","+","#","%","/","//","^",",","*","?","[a-c]","a","l","\\","1","-2"," ","${v}","${u}","${n}","$$","${v:","${v/","${v#","${v%%","é")
  vals := map[string]string{"v":"hello/World.tar.gz","n":"3","e":"","a":"x"}
  func() { defer func() { if e := recover(); e != nil { out(s, "error slice bounds out of range") } }()
  o, err := envsubst.Eval(s, func(k string) (string, bool) { x, ok := vals[k]; return x, ok })
  if err != nil { out(s, "error "+err.Error()) } else { out(s, o) } }()
 case "regexp":
  s := many(6,"a","b","\\d","\\w","\\s","\\b","\\D","[","]","[^","(","(?:",")","(?i)","(?P<x>","(?<y>","*","+","?","{2}","{,2}","{2,}","|","^","$",".","\\Q","\\E","[[:alpha:]]","[[:^digit:]]","&&","\\pL","\\p{Greek}","\\PL","\\x41","\\x{e9}","\\C","\\A","\\z","\\Z","(?=","\\1","-","é","\\n","[a-c]","**","{1001}","(?s)","(?-i:","~~","\\.","\\-","\\_","(?U)","a*?","[a&&b]","\\B","#"," ","\\é","[\\d-z]","[]a]")
  re, err := regexp.Compile(s)
  ts := []string{}
  for k:=0;k<6;k++ { ts = append(ts, many(5,"a","b","1","_"," ","é","A","-","&","\n","α","٣","[","]","{,2}","~","z","Q","")) }
  if err != nil { out(s, ts, "error "+err.Error()) } else { x := ""; for _, t := range ts { m := re.FindStringIndex(t); x += fmt.Sprint(m, ";") }; out(s, ts, x) }
 case "doublestar":
  p := many(6,"a","b","*","**","?","/","/","[ab]","[!a]","[^a]","[a-c]","{a,b}","{a,b/c}","{","}",",","\\*","\\","[","]","**/","/**",".","é")
  fs := []string{}
  for k:=0;k<6;k++ { fs = append(fs, many(6,"a","b","c","/","/",".","é","*","{","}","ab")) }
  fs = append(fs, strings.NewReplacer("**","a/b","*","b","{a,b}","a","[ab]","a","?","c").Replace(p))
  x := ""; for _, f := range fs { m, err := doublestar.Match(p, f); if err != nil { x = "error "+err.Error(); break }; x += fmt.Sprint(m,";") }
  out(p, fs, x)
 case "gitignore":
  ps := []string{}; for k := r.Intn(3)+1; k>0; k-- { ps = append(ps, many(5,"a","b","*","**","?","/","/","[ab]","[!a]","!","\\","#"," ",".","**/","/**","*.c","a/","\\!")) }
  x := ""; fs := []string{}
  var gp []gitignore.Pattern; for _, p := range ps { if strings.HasPrefix(p, "#") || strings.TrimSpace(p)=="" { continue }; gp = append(gp, gitignore.ParsePattern(p, nil)) }
  m := gitignore.NewMatcher(gp)
  for k:=0;k<6;k++ { f := []string{}; for j := r.Intn(4)+1; j>0; j-- { f = append(f, many(2,"a","b","x.c",".","ab","!","#","*")) }; fs = append(fs, strings.Join(f,"/")); x += fmt.Sprint(m.Match(f, false), m.Match(f, true), ";") }
  out(ps, fs, x)
 case "jsonpath":
  s := many(4,"{.a}","{.a.b}","{.l[0]}","{.l[-1]}","{.l[*]}","{.items[*].n}","{range .items[*]}{.n}{\"\\n\"}{end}","{.items[?(@.n==\"x\")].v}","{.items[?(@.v>1)].n}","{..n}","{['a','x']}","{.l[0:2]}","{.l[::2]}","{$}","{@}"," text ","{.missing}","{.m['k.1']}","{.m.k\\.1}","{","}","{.items[0,1].n}","{\"q\"}","{'q'}","{.l[1:]}","{.*}","{.items[?(@.n)].n}","{.l[5]}","{.items[*]['n','v']}","{.items[?(@.v==2)]}","{.items[?(@.v!=2)].v}","{.l[-2:]}","{.a.b.c}","{.items..v}","{range .l[*]}[{@}]{end}","{1}","{true}","{.items[?(@.n=='y')].n}")
  var d any; json.Unmarshal([]byte(doc), &d)
  j := jsonpath.New("x").AllowMissingKeys(r.Intn(2)==0); allow := true
  j = jsonpath.New("x"); if r.Intn(2)==0 { j.AllowMissingKeys(true) } else { allow = false }
  func() { defer func() { if e := recover(); e != nil { } }()
  if err := j.Parse(s); err != nil { out(s, allow, "error "+err.Error()); return }
  var b bytes.Buffer
  if err := j.Execute(&b, d); err != nil { out(s, allow, "error "+err.Error()) } else { out(s, allow, b.String()) } }()
 case "labels":
  s := many(6,"a","b","a/b","=","==","!=",","," in ","notin","(","x","y",")","!",">","<","1","2"," ","-","a.b/c","")
  ls := labels.Set{"a":"x","b":"1","a.b/c":"y"}
  sel, err := labels.Parse(s); if err != nil { out(s, "error") } else { out(s, fmt.Sprint(sel.Matches(ls), " ", sel.String())) }
 case "fields":
  s := many(6,"a","b","metadata.name","=","==","!=",",","x","y","\\,","\\=","\\\\"," ","")
  fs := fields.Set{"a":"x","b":"y","metadata.name":"x,y"}
  sel, err := fields.ParseSelector(s); if err != nil { out(s, "error "+err.Error()) } else { out(s, fmt.Sprint(sel.Matches(fs), " ", sel.String())) }
 } }
}
const doc = `{"a":{"b":"c","x":1.5},"x":true,"l":[1,2,3],"items":[{"n":"x","v":1},{"n":"y","v":2,"d":{"n":"z"}},{"v":3.5,"n":null}],"m":{"k.1":"dot","o":{"p":[1,{"q":null}]}}}`
