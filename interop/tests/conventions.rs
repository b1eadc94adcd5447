//! Rust values in the forms that Elixir has for them: each is sent to a live Elixir, compared there with what an expression
//! makes, and comes back through `term_to_binary`.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::Integer;
use engset::prelude::*;
use engset::terms::{Charlist, DeError, ImproperList, Nil, SerError, from_term, to_term};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stage::elixir::{ElixirStage, iex};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Says of a value whether it is what an Elixir expression says, and sends it back through `term_to_binary`.
const ECHO: &str = r#"
defmodule MyApp.User do
  defstruct [:name, :age, role: :guest, home: 'nowhere']
end

defmodule MyApp.Echo do
  use GenServer
  def init([]), do: {:ok, []}
  def handle_call({:same, value, source}, _from, []) do
    {expected, _} = Code.eval_string(source)
    {:reply, {value === expected, inspect(value), :erlang.binary_to_term(:erlang.term_to_binary(value))}, []}
  end
  def handle_call({:value, source}, _from, []) do
    {value, _} = Code.eval_string(source)
    {:reply, :erlang.binary_to_term(:erlang.term_to_binary(value, [:compressed])), []}
  end
end
{:ok, _} = GenServer.start(MyApp.Echo, [], name: MyApp.Echo)
"#;

#[client("Elixir.MyApp.Echo")]
trait Echo {
    #[call]
    async fn same(&self, value: Term, source: String) -> (bool, String, Term);
    #[call]
    async fn value(&self, source: String) -> Term;
}

#[term(elixir = "MyApp.User")]
#[derive(Clone, Debug, PartialEq)]
struct User {
    name: String,
    age: Option<u8>,
    #[term(atom)]
    role: String,
    home: Charlist,
}

#[term(keyword)]
#[derive(Debug, Default, PartialEq)]
struct Find {
    #[term(atom)]
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    limit: u32,
}

#[term(elixir = "Range")]
#[derive(Debug, PartialEq)]
struct Range {
    first: i64,
    last: i64,
    step: i64,
}

#[term(elixir = "MapSet")]
#[derive(Debug, PartialEq)]
struct MapSet {
    map: BTreeMap<i64, Vec<Term>>,
    version: u8,
}

#[term(elixir = "Date")]
#[derive(Debug, PartialEq)]
struct Date {
    calendar: Atom,
    year: i32,
    month: u8,
    day: u8,
}

#[term(elixir = "DateTime")]
#[derive(Debug, PartialEq)]
struct DateTime {
    calendar: Atom,
    year: i32,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    microsecond: (u32, u8),
    std_offset: i32,
    utc_offset: i32,
    time_zone: String,
    zone_abbr: String,
}

#[term(record = "user", nil)]
#[derive(Debug, PartialEq)]
struct UserRecord {
    name: String,
    age: Option<u8>,
}

#[term]
#[derive(Debug, PartialEq)]
enum Shape {
    Empty,
    Circle(f64),
    Box {
        #[term(atom)]
        color: String,
        #[term(nil)]
        size: Option<(u8, u8)>,
    },
    #[serde(rename = ":GET")]
    Get,
    #[serde(rename = "Elixir.MyApp.User")]
    Module,
}

#[term]
#[derive(Debug, PartialEq)]
struct Roles {
    #[term(atom)]
    by_name: BTreeMap<String, Vec<String>>,
    #[term(charlist)]
    path: Option<String>,
}

fn ada() -> User {
    User { name: "Ada".into(), age: Some(36), role: "admin".into(), home: "London".into() }
}

/// What must hold of a value and the Elixir expression for it.
impl ElixirStage {
    /// The value is written as what Elixir has for the expression, and comes back.
    #[track_caller]
    fn both_ways<T: Serialize + DeserializeOwned + PartialEq + Debug>(&self, value: T, source: &str) {
        let (sent, text) = (to_term(&value).unwrap(), source.to_owned());
        let answer = self.node.block_on(|_cx| async { EchoClient::at(iex()).same(sent, text).await });
        let (is_same, seen, back) = answer.unwrap().unwrap();
        assert!(is_same, "{source}: Elixir got {seen}");
        assert_eq!(from_term::<T>(&back), Ok(value), "{source}");
    }

    /// The expression's value is read as this one.
    #[track_caller]
    fn read<T: DeserializeOwned + PartialEq + Debug>(&self, source: &str, value: T) {
        assert_eq!(from_term::<T>(&self.value(source)), Ok(value), "{source}");
    }

    /// Why the expression's value is no `T`.
    #[track_caller]
    fn refused<T: DeserializeOwned + Debug>(&self, source: &str) -> DeError {
        from_term::<T>(&self.value(source)).unwrap_err()
    }

    fn value(&self, source: &str) -> Term {
        let source = source.to_owned();
        self.node.block_on(|_cx| async { EchoClient::at(iex()).value(source).await }).unwrap().unwrap()
    }
}

#[test]
fn structs_keyword_lists_and_records_are_those_of_elixir() {
    let Some(stage) = ElixirStage::new() else { return };
    stage.eval(ECHO);
    stage.both_ways(ada(), "%MyApp.User{name: \"Ada\", age: 36, role: :admin, home: 'London'}");
    stage.both_ways(User { age: None, ..ada() }, "%MyApp.User{name: \"Ada\", role: :admin, home: 'London'}");
    stage.both_ways(vec![ada()], "[%MyApp.User{name: \"Ada\", age: 36, role: :admin, home: 'London'}]");
    stage.read("nil", None::<User>);
    let refused = stage.refused::<User>("1..2").to_string();
    assert!(refused.contains("expected a struct %MyApp.User{}, found %Range{}"), "{refused}");
    stage.both_ways(Find { role: Some("admin".into()), limit: 3 }, "[role: :admin, limit: 3]");
    stage.both_ways(Find { role: None, limit: 3 }, "[limit: 3]");
    stage.read("[limit: 3, other: {1, 2}, limit: 4]", Find { role: None, limit: 3 });
    stage.read("%{limit: 3}", Find { role: None, limit: 3 });
    stage.both_ways(UserRecord { name: "Ada".into(), age: Some(36) }, "{:user, \"Ada\", 36}");
    stage.both_ways(UserRecord { name: "Ada".into(), age: None }, "{:user, \"Ada\", nil}");
    stage.both_ways(Range { first: 1, last: 10, step: 2 }, "1..10//2");
    let iso = || Atom::from_static("Elixir.Calendar.ISO");
    stage.both_ways(Date { calendar: iso(), year: 2026, month: 11, day: 26 }, "~D[2026-11-26]");
    let when = DateTime {
        calendar: iso(),
        year: 2026,
        month: 11,
        day: 26,
        hour: 7,
        minute: 24,
        second: 9,
        microsecond: (123_000, 3),
        std_offset: 0,
        utc_offset: 0,
        time_zone: "Etc/UTC".into(),
        zone_abbr: "UTC".into(),
    };
    stage.both_ways(when, "~U[2026-11-26 07:24:09.123Z]");
    let set = MapSet { map: BTreeMap::from([(1, vec![]), (5, vec![])]), version: 2 };
    stage.both_ways(set, "MapSet.new([5, 1])");
}

#[test]
fn plain_values_are_those_of_elixir() {
    let Some(stage) = ElixirStage::new() else { return };
    stage.eval(ECHO);
    stage.both_ways(Nil(None::<u8>), "nil");
    stage.both_ways(Nil((Some(1), ())), "{1, nil}");
    stage.both_ways(None::<u8>, ":undefined");
    stage.read("nil", None::<u8>);
    stage.read(":null", None::<u8>);
    stage.both_ways((), ":ok");
    stage.read("nil", ());
    stage.both_ways(true, "true");
    stage.both_ways(Charlist::from("hi"), "'hi'");
    stage.both_ways(Charlist::from("h\u{e9} \u{2603}"), "'h\u{e9} \u{2603}'");
    stage.both_ways(Charlist::default(), "''");
    stage.read("\"hi\"", Charlist::from("hi"));
    stage.both_ways(vec![104_u8, 105], "[104, 105]");
    stage.both_ways(vec![104_i64, -1, 1 << 40], "[104, -1, 1099511627776]");
    stage.read("'hi'", vec![104_i64, 105]);
    stage.read("<<104, 105>>", vec![104_u8, 105]);
    stage.both_ways("h\u{e9}".to_owned(), "\"h\u{e9}\"");
    stage.both_ways(i128::MIN, "-170141183460469231731687303715884105728");
    stage.both_ways(u128::MAX, "340282366920938463463374607431768211455");
    stage.refused::<u128>("340282366920938463463374607431768211456");
    stage.both_ways(Integer::from(1_u128 << 100), "Bitwise.bsl(1, 100)");
    stage.both_ways(-0.5, "-0.5");
    assert_eq!(to_term(&f64::NAN), Err(SerError::NotFinite));
    stage.both_ways(Ok::<u8, String>(3), "{:ok, 3}");
    stage.both_ways(Err::<u8, String>("x".into()), "{:error, \"x\"}");
    stage.both_ways(Ok::<(), ()>(()), ":ok");
    stage.both_ways(Err::<(), ()>(()), ":error");
    stage.both_ways(Err::<(), String>("x".into()), "{:error, \"x\"}");
    stage.both_ways(ImproperList { elements: vec![1, 2], tail: "end".to_owned() }, "[1, 2 | \"end\"]");
    stage.both_ways(ImproperList { elements: vec![1000], tail: 3 }, "[1000 | 3]");
    stage.refused::<ImproperList<i64>>("[1, 2]");
    stage.both_ways(Shape::Empty, ":empty");
    stage.both_ways(Shape::Circle(1.5), "{:circle, 1.5}");
    stage.both_ways(Shape::Box { color: "red".into(), size: None }, "{:box, %{color: :red, size: nil}}");
    stage.both_ways(Shape::Get, ":GET");
    stage.both_ways(Shape::Module, "MyApp.User");
    stage.both_ways((Atom::from_static("a b"), 1), "{:\"a b\", 1}");
    stage.both_ways(BTreeMap::from([("a".to_owned(), 1)]), "%{\"a\" => 1}");
    let by_name = BTreeMap::from([("ada".to_owned(), vec!["admin".to_owned()])]);
    stage.both_ways(
        Roles { by_name, path: Some("/tmp".into()) },
        "%{by_name: %{ada: [:admin]}, path: '/tmp'}",
    );
}
