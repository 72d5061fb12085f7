//! The functions and what they take, one overload a line: name, number, signature. A dot in front of the bracket marks a
//! method. cel-go `common/stdlib/standard.go`, `ext/*.go`, kubernetes `apiserver/pkg/cel/library/*.go`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::types::Type;

/// One way to call a function.
#[derive(Debug)]
pub(crate) struct Overload {
    pub id: &'static str,
    pub member: bool,
    pub arguments: Vec<Type>,
    pub result: Type,
}

/// Returns the overloads of a function.
pub(crate) fn find(name: &str) -> Option<&'static [Overload]> {
    FUNCTIONS.get(name).map(Vec::as_slice)
}

static FUNCTIONS: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
    let mut found: HashMap<&'static str, Vec<Overload>> = HashMap::new();
    for line in TABLE.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.splitn(3, ' ');
        let (Some(name), Some(id), Some(signature)) = (words.next(), words.next(), words.next()) else { continue };
        found.entry(name).or_default().push(overload(id, signature));
    }
    for (name, word) in [("_<_", "less"), ("_<=_", "less_equals"), ("_>_", "greater"), ("_>=_", "greater_equals")] {
        found.insert(name, ordered(word));
    }
    for kind in ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"] {
        let item = Type::read(kind);
        for name in ["min", "max"] {
            found.entry(name).or_default().push(method(leak(format!("list_{kind}_{name}_{kind}")), &item, item.clone()));
        }
        found.entry("isSorted").or_default().push(method(leak(format!("list_{kind}_is_sorted_bool")), &item, Type::Bool));
        if matches!(kind, "int" | "uint" | "double" | "duration") {
            found.entry("sum").or_default().push(method(leak(format!("list_{kind}_sum_{kind}")), &item, item.clone()));
        }
        found.entry("sort").or_default().push(method(leak(format!("list_{kind}_sort")), &item, Type::list(item.clone())));
        let keys = Overload {
            id: leak(format!("list_{kind}_sortByAssociatedKeys")),
            member: true,
            arguments: vec![Type::list(Type::param("T")), Type::list(item.clone())],
            result: Type::list(Type::param("T")),
        };
        found.entry("@sortByAssociatedKeys").or_default().push(keys);
    }
    found
});

/// The table is made once for the life of the process.
fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn method(id: &'static str, item: &Type, result: Type) -> Overload {
    Overload { id, member: true, arguments: vec![Type::list(item.clone())], result }
}

fn overload(id: &'static str, signature: &str) -> Overload {
    let (front, result) = signature.rsplit_once(' ').unwrap_or(("()", signature));
    let open = front.find("(").filter(|at| *at == 0 || front.as_bytes()[at - 1] == b'.').or_else(|| front.find(".(").map(|at| at + 1));
    let open = open.unwrap_or(0);
    let mut arguments: Vec<Type> = split(&front[open + 1..front.len() - 1]).into_iter().map(Type::read).collect();
    let member = open > 0;
    if member {
        arguments.insert(0, Type::read(&front[..open - 1]));
    }
    Overload { id, member, arguments, result: Type::read(result) }
}

/// Splits arguments at the semicolons.
fn split(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split(';').collect() }
}

fn ordered(word: &str) -> Vec<Overload> {
    let kinds = ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"];
    let mut found: Vec<Overload> = kinds
        .iter()
        .map(|kind| {
            let id = if *kind == "int" { format!("{word}_int64") } else { format!("{word}_{kind}") };
            Overload { id: leak(id), member: false, arguments: vec![Type::read(kind), Type::read(kind)], result: Type::Bool }
        })
        .collect();
    for (left, right) in [("int", "double"), ("int", "uint"), ("uint", "double"), ("uint", "int"), ("double", "int"), ("double", "uint")] {
        let id = leak(format!("{word}_{left}_{right}"));
        found.push(Overload { id, member: false, arguments: vec![Type::read(left), Type::read(right)], result: Type::Bool });
    }
    found
}

const TABLE: &str = "
_?_:_ conditional (bool;A;A) A
_&&_ logical_and (bool;bool) bool
_||_ logical_or (bool;bool) bool
!_ logical_not (bool) bool
@not_strictly_false not_strictly_false (bool) bool
_==_ equals (A;A) bool
_!=_ not_equals (A;A) bool
_+_ add_bytes (bytes;bytes) bytes
_+_ add_double (double;double) double
_+_ add_duration_duration (duration;duration) duration
_+_ add_duration_timestamp (duration;timestamp) timestamp
_+_ add_timestamp_duration (timestamp;duration) timestamp
_+_ add_int64 (int;int) int
_+_ add_list (list(A);list(A)) list(A)
_+_ add_string (string;string) string
_+_ add_uint64 (uint;uint) uint
_-_ subtract_double (double;double) double
_-_ subtract_duration_duration (duration;duration) duration
_-_ subtract_int64 (int;int) int
_-_ subtract_timestamp_duration (timestamp;duration) timestamp
_-_ subtract_timestamp_timestamp (timestamp;timestamp) duration
_-_ subtract_uint64 (uint;uint) uint
_*_ multiply_double (double;double) double
_*_ multiply_int64 (int;int) int
_*_ multiply_uint64 (uint;uint) uint
_/_ divide_double (double;double) double
_/_ divide_int64 (int;int) int
_/_ divide_uint64 (uint;uint) uint
_%_ modulo_int64 (int;int) int
_%_ modulo_uint64 (uint;uint) uint
-_ negate_double (double) double
-_ negate_int64 (int) int
_[_] index_list (list(A);int) A
_[_] index_map (map(A,B);A) B
_[_] optional_list_index_int (optional(list(V));int) optional(V)
_[_] optional_map_index_value (optional(map(K,V));K) optional(V)
_[?_] list_optindex_optional_int (list(V);int) optional(V)
_[?_] optional_list_optindex_optional_int (optional(list(V));int) optional(V)
_[?_] map_optindex_optional_value (map(K,V);K) optional(V)
_[?_] optional_map_optindex_optional_value (optional(map(K,V));K) optional(V)
@in in_list (A;list(A)) bool
@in in_map (A;map(A,B)) bool
size size_bytes (bytes) int
size bytes_size bytes.() int
size size_list (list(A)) int
size list_size list(A).() int
size size_map (map(A,B)) int
size map_size map(A,B).() int
size size_string (string) int
size string_size string.() int
type type (A) type
bool bool_to_bool (bool) bool
bool string_to_bool (string) bool
bytes bytes_to_bytes (bytes) bytes
bytes string_to_bytes (string) bytes
double double_to_double (double) double
double int64_to_double (int) double
double string_to_double (string) double
double uint64_to_double (uint) double
duration duration_to_duration (duration) duration
duration int64_to_duration (int) duration
duration string_to_duration (string) duration
dyn to_dyn (A) dyn
int int64_to_int64 (int) int
int double_to_int64 (double) int
int duration_to_int64 (duration) int
int string_to_int64 (string) int
int timestamp_to_int64 (timestamp) int
int uint64_to_int64 (uint) int
string string_to_string (string) string
string bool_to_string (bool) string
string bytes_to_string (bytes) string
string double_to_string (double) string
string duration_to_string (duration) string
string int64_to_string (int) string
string timestamp_to_string (timestamp) string
string uint64_to_string (uint) string
string ip_to_string (IP) string
string cidr_to_string (CIDR) string
timestamp timestamp_to_timestamp (timestamp) timestamp
timestamp int64_to_timestamp (int) timestamp
timestamp string_to_timestamp (string) timestamp
uint uint64_to_uint64 (uint) uint
uint double_to_uint64 (double) uint
uint int64_to_uint64 (int) uint
uint string_to_uint64 (string) uint
contains contains_string string.(string) bool
endsWith ends_with_string string.(string) bool
startsWith starts_with_string string.(string) bool
matches matches (string;string) bool
matches matches_string string.(string) bool
getFullYear timestamp_to_year timestamp.() int
getFullYear timestamp_to_year_with_tz timestamp.(string) int
getMonth timestamp_to_month timestamp.() int
getMonth timestamp_to_month_with_tz timestamp.(string) int
getDayOfYear timestamp_to_day_of_year timestamp.() int
getDayOfYear timestamp_to_day_of_year_with_tz timestamp.(string) int
getDayOfMonth timestamp_to_day_of_month timestamp.() int
getDayOfMonth timestamp_to_day_of_month_with_tz timestamp.(string) int
getDate timestamp_to_day_of_month_1_based timestamp.() int
getDate timestamp_to_day_of_month_1_based_with_tz timestamp.(string) int
getDayOfWeek timestamp_to_day_of_week timestamp.() int
getDayOfWeek timestamp_to_day_of_week_with_tz timestamp.(string) int
getHours timestamp_to_hours timestamp.() int
getHours timestamp_to_hours_with_tz timestamp.(string) int
getHours duration_to_hours duration.() int
getMinutes timestamp_to_minutes timestamp.() int
getMinutes timestamp_to_minutes_with_tz timestamp.(string) int
getMinutes duration_to_minutes duration.() int
getSeconds timestamp_to_seconds timestamp.() int
getSeconds timestamp_to_seconds_tz timestamp.(string) int
getSeconds duration_to_seconds duration.() int
getMilliseconds timestamp_to_milliseconds timestamp.() int
getMilliseconds timestamp_to_milliseconds_with_tz timestamp.(string) int
getMilliseconds duration_to_milliseconds duration.() int
charAt string_char_at_int string.(int) string
indexOf list_a_index_of_int list(A).(A) int
indexOf string_index_of_string string.(string) int
indexOf string_index_of_string_int string.(string;int) int
lastIndexOf list_a_last_index_of_int list(A).(A) int
lastIndexOf string_last_index_of_string string.(string) int
lastIndexOf string_last_index_of_string_int string.(string;int) int
lowerAscii string_lower_ascii string.() string
upperAscii string_upper_ascii string.() string
replace string_replace_string_string string.(string;string) string
replace string_replace_string_string_int string.(string;string;int) string
split string_split_string string.(string) list(string)
split string_split_string_int string.(string;int) list(string)
substring string_substring_int string.(int) string
substring string_substring_int_int string.(int;int) string
trim string_trim string.() string
format string_format string.(list(dyn)) string
strings.quote strings_quote (string) string
join list_join list(string).() string
join list_join_string list(string).(string) string
find string_find_string string.(string) string
findAll string_find_all_string string.(string) list(string)
findAll string_find_all_string_int string.(string;int) list(string)
sets.contains list_sets_contains_list (list(T);list(T)) bool
sets.equivalent list_sets_equivalent_list (list(T);list(T)) bool
sets.intersects list_sets_intersects_list (list(T);list(T)) bool
slice list_slice list(T).(int;int) list(T)
flatten list_flatten list(list(T)).() list(T)
flatten list_flatten_int list(dyn).(int) list(dyn)
lists.range lists_range (int) list(int)
reverse list_reverse list(T).() list(T)
distinct list_distinct list(T).() list(T)
cel.@mapInsert @mapInsert_map_key_value (map(K,V);K;V) map(K,V)
cel.@mapInsert @mapInsert_map_map (map(K,V);map(K,V)) map(K,V)
optional.of optional_of (V) optional(V)
optional.ofNonZeroValue optional_ofNonZeroValue (V) optional(V)
optional.none optional_none () optional(V)
hasValue optional_hasValue optional(V).() bool
value optional_value optional(V).() V
or optional_or_optional optional(V).(optional(V)) optional(V)
orValue optional_orValue_value optional(V).(V) V
optional.unwrap optional_unwrap (list(optional(V))) list(V)
unwrapOpt optional_unwrapOpt list(optional(V)).() list(V)
quantity string_to_quantity (string) Quantity
isQuantity is_quantity_string (string) bool
sign quantity_sign Quantity.() int
isGreaterThan quantity_is_greater_than Quantity.(Quantity) bool
isLessThan quantity_is_less_than Quantity.(Quantity) bool
compareTo quantity_compare_to Quantity.(Quantity) int
asApproximateFloat quantity_get_float Quantity.() double
asInteger quantity_get_int Quantity.() int
isInteger quantity_is_integer Quantity.() bool
add quantity_add Quantity.(Quantity) Quantity
add quantity_add_int Quantity.(int) Quantity
sub quantity_sub Quantity.(Quantity) Quantity
sub quantity_sub_int Quantity.(int) Quantity
url string_to_url (string) URL
isURL is_url_string (string) bool
getScheme url_get_scheme URL.() string
getHost url_get_host URL.() string
getHostname url_get_hostname URL.() string
getPort url_get_port URL.() string
getEscapedPath url_get_escaped_path URL.() string
getQuery url_get_query URL.() map(string,list(string))
ip string_to_ip (string) IP
ip cidr_ip CIDR.() IP
isIP is_ip (string) bool
ip.isCanonical ip_is_canonical (string) bool
family ip_family IP.() int
isUnspecified ip_is_unspecified IP.() bool
isLoopback ip_is_loopback IP.() bool
isLinkLocalMulticast ip_is_link_local_multicast IP.() bool
isLinkLocalUnicast ip_is_link_local_unicast IP.() bool
isGlobalUnicast ip_is_global_unicast IP.() bool
cidr string_to_cidr (string) CIDR
isCIDR is_cidr (string) bool
containsIP cidr_contains_ip_string CIDR.(string) bool
containsIP cidr_contains_ip_ip CIDR.(IP) bool
containsCIDR cidr_contains_cidr_string CIDR.(string) bool
containsCIDR cidr_contains_cidr CIDR.(CIDR) bool
prefixLength cidr_prefix_length CIDR.() int
masked cidr_masked CIDR.() CIDR
semver string_to_semver (string) Semver
semver string_bool_to_semver (string;bool) Semver
isSemver is_semver_string (string) bool
isSemver is_semver_string_bool (string;bool) bool
isGreaterThan semver_is_greater_than Semver.(Semver) bool
isLessThan semver_is_less_than Semver.(Semver) bool
compareTo semver_compare_to Semver.(Semver) int
major semver_major Semver.() int
minor semver_minor Semver.() int
patch semver_patch Semver.() int
format.named format-named (string) optional(Format)
validate format-validate Format.(string) optional(list(string))
format.dns1123Label format.dns1123Label () Format
format.dns1123Subdomain format.dns1123Subdomain () Format
format.dns1035Label format.dns1035Label () Format
format.qualifiedName format.qualifiedName () Format
format.dns1123LabelPrefix format.dns1123LabelPrefix () Format
format.dns1123SubdomainPrefix format.dns1123SubdomainPrefix () Format
format.dns1035LabelPrefix format.dns1035LabelPrefix () Format
format.labelValue format.labelValue () Format
format.uri format.uri () Format
format.uuid format.uuid () Format
format.byte format.byte () Format
format.date format.date () Format
format.datetime format.datetime () Format
";
