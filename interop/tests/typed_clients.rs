//! Typed clients of an Elixir `GenServer` and an Erlang `gen_server`, and Rust values in the forms of both languages.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::prelude::*;
use engset::terms::{Charlist, DeError, ImproperList, Nil, SerError, from_term, to_term};
use engset::{Exit, Integer};
use engset_testkit::{Beam, Elixir, free_port, require_elixir};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stage::{COOKIE, RUST, Stage};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

/// A cache of users as an Elixir team writes it: structs, keyword lists, `nil`, charlists, bare and tagged answers.
const CACHE: &str = r#"
defmodule MyApp.User do
  defstruct [:name, :age, role: :guest, home: 'nowhere']
end

defmodule MyApp.Cache do
  use GenServer
  alias MyApp.User

  def start, do: GenServer.start(__MODULE__, [], name: __MODULE__)

  @impl true
  def init([]), do: {:ok, %{}}

  @impl true
  def handle_call({:get, key}, _from, users), do: {:reply, Map.get(users, key), users}
  def handle_call({:get, key, %User{} = default}, _from, users), do: {:reply, Map.get(users, key, default), users}
  def handle_call({:fetch, key}, _from, users), do: {:reply, Map.fetch(users, key), users}
  def handle_call({:fetch!, key}, _from, users), do: {:reply, Map.fetch!(users, key), users}
  def handle_call({:older_than, nil}, _from, users), do: {:reply, map_size(users), users}
  def handle_call({:older_than, age}, _from, users) when is_integer(age),
    do: {:reply, Enum.count(users, fn {_, user} -> user.age > age end), users}
  def handle_call({:move, key, home}, _from, users) when is_list(home) do
    case users do
      %{^key => user} -> {:reply, :ok, %{users | key => %User{user | home: home}}}
      _ -> {:reply, {:error, :not_found}, users}
    end
  end
  def handle_call({:find, options}, _from, users) do
    options = Keyword.validate!(options, [:role, limit: 10])
    found = for {_, user} <- users, options[:role] in [nil, user.role], do: user
    {:reply, {:ok, Enum.take(found, options[:limit])}, users}
  end
  def handle_call({:slow, ms}, _from, users) do
    Process.sleep(ms)
    {:reply, :done, users}
  end
  def handle_call(:names, _from, users), do: {:reply, Map.keys(users), users}

  @impl true
  def handle_cast({:put, %User{name: name} = user}, users), do: {:noreply, Map.put(users, name, user)}

  @impl true
  def handle_info({:birthday, years}, users),
    do: {:noreply, Map.new(users, fn {key, user} -> {key, %User{user | age: user.age + years}} end)}
end
"#;

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

#[term]
#[derive(Debug, PartialEq)]
enum MoveError {
    NotFound,
}

#[term]
#[derive(Debug, PartialEq)]
enum Done {
    Done,
}

#[client("Elixir.MyApp.Cache")]
trait Cache {
    #[call]
    async fn get(&self, key: String) -> Option<User>;
    #[call(name = "get")]
    async fn get_or(&self, key: String, default: User) -> User;
    #[call]
    async fn fetch(&self, key: String) -> Result<User, ()>;
    #[call(name = "fetch!")]
    async fn fetch_or_crash(&self, key: String) -> User;
    #[call]
    async fn older_than(&self, age: Option<u8>) -> usize;
    #[call(name = "move")]
    async fn move_to(&self, key: String, home: Charlist) -> Result<(), MoveError>;
    #[call]
    async fn find(&self, options: Find) -> Result<Vec<User>, Term>;
    #[call]
    async fn slow(&self, ms: u64) -> Done;
    #[call]
    async fn names(&self) -> Vec<String>;
    #[call(name = "names")]
    async fn names_as_numbers(&self, and: Option<u8>) -> Vec<u64>;
    #[cast]
    fn put(&self, user: User);
    #[info]
    fn birthday(&self, years: u8);
}

/// The trait of a client whose answer is of another type than the server's.
#[client("Elixir.MyApp.Cache")]
trait Mistaken {
    #[call]
    async fn names(&self) -> BTreeMap<String, u64>;
    #[call]
    async fn get(&self, key: String) -> Result<User, Term>;
}

/// The same cache in Rust.
#[derive(Default)]
struct RustCache {
    users: BTreeMap<String, User>,
}

#[server(messages = CacheMsg)]
impl RustCache {
    #[call]
    fn get(&self, key: String) -> Option<User> {
        self.users.get(&key).cloned()
    }

    #[call]
    fn get_or(&self, key: String, default: User) -> User {
        self.get(key).unwrap_or(default)
    }

    #[call]
    fn fetch(&self, key: String) -> Result<User, ()> {
        self.get(key).ok_or(())
    }

    #[call]
    fn fetch_or_crash(&self, key: String) -> User {
        self.get(key).unwrap()
    }

    #[call]
    fn older_than(&self, age: Option<u8>) -> usize {
        self.users.values().filter(|user| age.is_none_or(|age| user.age.is_some_and(|own| own > age))).count()
    }

    #[call]
    fn move_to(&mut self, key: String, home: Charlist) -> Result<(), MoveError> {
        let user = self.users.get_mut(&key).ok_or(MoveError::NotFound)?;
        user.home = home;
        Ok(())
    }

    #[call]
    fn find(&self, options: Find) -> Result<Vec<User>, Term> {
        let is_found = |user: &&User| options.role.as_ref().is_none_or(|role| *role == user.role);
        Ok(self.users.values().filter(is_found).take(options.limit as usize).cloned().collect())
    }

    #[call]
    fn slow(&self, ms: u64) -> Done {
        let _ = ms;
        Done::Done
    }

    #[call]
    fn names(&self) -> Vec<String> {
        self.users.keys().cloned().collect()
    }

    #[call]
    fn names_as_numbers(&self, and: Option<u8>) -> Vec<u64> {
        and.into_iter().map(u64::from).collect()
    }

    #[cast]
    fn put(&mut self, user: User) {
        self.users.insert(user.name.clone(), user);
    }

    #[info]
    fn birthday(&mut self, years: u8) {
        self.users.values_mut().for_each(|user| user.age = user.age.map(|age| age + years));
    }
}

fn ada() -> User {
    User { name: "Ada".into(), age: Some(36), role: "admin".into(), home: "London".into() }
}

/// What the trait says, whoever serves it.
async fn uses<A: Target<CacheMsg>>(cache: CacheClient<A>) -> Result<(), Exit> {
    let joe = User { name: "Joe".into(), age: Some(20), role: "guest".into(), home: Charlist::default() };
    assert_eq!(cache.get("Ada".into()).await?, None);
    assert_eq!(cache.get_or("Ada".into(), ada()).await?, ada());
    assert_eq!(cache.fetch("Ada".into()).await, Err(CallError::App(())));
    cache.put(ada())?;
    cache.put(joe.clone())?;
    assert_eq!(cache.names().await?, ["Ada", "Joe"]);
    assert_eq!(cache.get("Ada".into()).await?, Some(ada()));
    assert_eq!(cache.fetch("Joe".into()).await, Ok(joe.clone()));
    assert_eq!(cache.older_than(None).await?, 2);
    assert_eq!(cache.older_than(Some(30)).await?, 1);
    assert_eq!(cache.move_to("Ada".into(), "Z\u{fc}rich \u{2603}".into()).await, Ok(()));
    assert_eq!(cache.fetch_or_crash("Ada".into()).await?.home.to_string(), "Z\u{fc}rich \u{2603}");
    let nobody = cache.move_to("Bob".into(), "Bern".into()).await;
    assert_eq!(nobody, Err(CallError::App(MoveError::NotFound)));
    assert_eq!(cache.find(Find { role: Some("guest".into()), limit: 5 }).await, Ok(vec![joe]));
    assert_eq!(cache.find(Find { role: None, limit: 1 }).await?.len(), 1);
    cache.birthday(4)?;
    assert_eq!(cache.get("Ada".into()).await?.unwrap().age, Some(40));
    Ok(())
}

struct ElixirStage {
    elixir: Beam,
    node: Node,
}

impl ElixirStage {
    fn new() -> Option<Self> {
        require_elixir()?;
        let port = free_port().unwrap();
        let node = Node::builder().name(RUST).cookie(COOKIE).epmd_tcp_port(port).workers(2).start().unwrap();
        let elixir = Elixir::builder().name("iex").cookie(COOKIE).epmd_port(port);
        let elixir = elixir.time_limit(Duration::from_secs(30)).start().unwrap();
        Some(Self { elixir, node })
    }

    /// With the cache running.
    fn with_cache() -> Option<Self> {
        let stage = Self::new()?;
        stage.eval(CACHE);
        stage.check("{:ok, _} = MyApp.Cache.start(); :started", ":started");
        Some(stage)
    }

    #[track_caller]
    fn eval(&self, expression: &str) -> String {
        match self.elixir.eval(&expression.replace("$N", &format!(":\"{RUST}\""))) {
            Ok(value) => value,
            Err(error) => panic!("{expression}\n{error}"),
        }
    }

    #[track_caller]
    fn check(&self, expression: &str, expected: &str) {
        assert_eq!(self.eval(expression), expected, "{expression}");
    }
}

fn iex() -> NodeName {
    NodeName::new("iex@127.0.0.1").unwrap()
}

#[test]
fn a_client_uses_an_elixir_genserver() {
    let Some(stage) = ElixirStage::with_cache() else { return };
    stage.node.block_on(|_cx| uses(CacheClient::at(iex()))).unwrap().unwrap();
    // By its pid, too, and what Elixir sees is its own struct.
    stage.check(
        "match?(%MyApp.User{role: :admin, age: 40}, GenServer.call(MyApp.Cache, {:fetch!, \"Ada\"}))",
        "true",
    );
    let pid = stage.node.block_on(|_cx| async {
        let where_is = Term::parse("{get, <<\"Ada\">>}").unwrap();
        let by_hand = Service::at(CacheClient::NAME, iex());
        Dynamic::call(&by_hand, where_is).await.map(|term| from_term::<User>(&term))
    });
    assert_eq!(pid.unwrap().unwrap().unwrap().age, Some(40));
}

#[test]
fn a_client_of_a_pid_uses_an_elixir_genserver() {
    let Some(stage) = ElixirStage::with_cache() else { return };
    let name = Atom::from_static("asker");
    let asked = stage.node.processes().spawn(
        SpawnOptions { name: Some(name), ..SpawnOptions::default() },
        |mut cx: Cx<Term>| async move {
            let Mail::Message(message) = cx.recv().await else { return };
            let (server, asker) = from_term::<(Pid, Pid)>(&message).unwrap();
            uses(CacheClient::on(server)).await.unwrap();
            drop(cx.send(asker, Term::atom("used")));
        },
    );
    asked.unwrap();
    stage.check(
        "send({:asker, $N}, {Process.whereis(MyApp.Cache), self()}); receive do x -> x after 9000 -> :timeout end",
        ":used",
    );
}

#[test]
fn the_same_client_uses_a_rust_server() {
    let port = free_port().unwrap();
    let start = |name: &str| {
        Node::builder().name(name).cookie(COOKIE).epmd_tcp_port(port).workers(1).start().unwrap()
    };
    let (here, there) = (start("here@127.0.0.1"), start("there@127.0.0.1"));
    let served = there.block_on(|_cx| start_named(Some(CacheClient::NAME), RustCache::default()));
    served.unwrap().unwrap();
    let there = NodeName::new("there@127.0.0.1").unwrap();
    here.block_on(move |_cx| uses(CacheClient::at(there))).unwrap().unwrap();
}

#[test]
fn elixir_uses_the_rust_server_of_a_clients_messages() {
    let Some(stage) = ElixirStage::new() else { return };
    stage.eval(CACHE);
    let served = stage.node.block_on(|_cx| start_named(Some(CacheClient::NAME), RustCache::default()));
    served.unwrap().unwrap();
    stage.check("cache = {MyApp.Cache, $N}; GenServer.call(cache, {:get, \"Ada\"})", "nil");
    stage.check(
        "ada = %MyApp.User{name: \"Ada\", age: 36}; GenServer.call(cache, {:get, \"Ada\", ada}) == ada",
        "true",
    );
    stage.check(
        "GenServer.cast(cache, {:put, ada}); GenServer.call(cache, {:fetch, \"Ada\"}) == {:ok, ada}",
        "true",
    );
    stage.check("GenServer.call(cache, {:fetch, \"Joe\"})", ":error");
    stage.check("GenServer.call(cache, {:move, \"Ada\", 'Bern'})", ":ok");
    stage.check("GenServer.call(cache, {:move, \"Joe\", 'Bern'})", "{:error, :not_found}");
    stage.check(
        "GenServer.call(cache, {:find, [role: :guest, limit: 3]}) == {:ok, [%{ada | home: 'Bern'}]}",
        "true",
    );
    stage.check("GenServer.call(cache, {:older_than, nil})", "1");
    stage.check("send(cache, {:birthday, 4}); GenServer.call(cache, {:fetch!, \"Ada\"}).age", "40");
    stage.check(
        "try do GenServer.call(cache, {:get, 7}) catch :exit, {{:bad_request, text}, _} -> text =~ \"get/1\" end",
        "true",
    );
    stage.check(
        "try do GenServer.call(cache, {:put, ada}) catch :exit, {{:bad_request, text}, _} -> text =~ \"unknown request put/1\" end",
        "true",
    );
}

#[test]
fn errors_of_an_elixir_genserver_are_told() {
    let Some(stage) = ElixirStage::with_cache() else { return };
    let block = stage.node.block_on(|_cx| async {
        let cache = CacheClient::at(iex());
        let late = cache.slow(500).timeout(Duration::from_millis(20)).await.unwrap_err();
        cache.put(ada()).unwrap();
        let mistaken = MistakenClient::at(iex());
        let decode = mistaken.names().await.unwrap_err();
        let untagged = mistaken.get("Ada".into()).await.unwrap_err();
        let crash = cache.fetch_or_crash("Bob".into()).await.unwrap_err();
        let gone = cache.names().await.unwrap_err();
        let nowhere = CacheClient::at(NodeName::new("nowhere@127.0.0.1").unwrap());
        (late, decode, untagged, crash, gone, nowhere.names().await.unwrap_err())
    });
    let (late, decode, untagged, crash, gone, nowhere) = block.unwrap();
    assert_eq!((&late, late.maybe_executed()), (&CallError::Timeout { begun: true }, true));
    let text = decode.to_string();
    assert!(matches!(decode, CallError::Decode(_)) && decode.maybe_executed());
    assert!(text.contains("expected `BTreeMap<String, u64>`, got [<<\"Ada\">>]: "), "{text}");
    let text = untagged.to_string();
    assert!(
        text.contains("expected `Result<User, Term>`, got #{'__struct__' => 'Elixir.MyApp.User'"),
        "{text}"
    );
    let CallError::Down { reason, begun: true } = &crash else { panic!("{crash}") };
    assert!(reason.to_string().contains("{badkey,<<\"Bob\">>}"), "{reason}");
    assert_eq!((&gone, gone.maybe_executed()), (&CallError::NoProcess, false));
    assert_eq!((&nowhere, nowhere.maybe_executed()), (&CallError::Unreachable, false));
}

#[test]
fn a_request_that_an_elixir_genserver_does_not_know_ends_it() {
    let Some(stage) = ElixirStage::with_cache() else { return };
    let error = stage.node.block_on(|_cx| async { CacheClient::at(iex()).names_as_numbers(Some(1)).await });
    let error = error.unwrap().unwrap_err();
    let CallError::Down { reason, begun: true } = &error else { panic!("{error}") };
    assert!(reason.to_string().contains("function_clause"), "{reason}");
}

/// Says of a value whether it is what an Elixir expression says, and sends it back through `term_to_binary`.
const ECHO: &str = r#"
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
    stage.eval(&[CACHE, ECHO].concat());
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
    stage.eval(&[CACHE, ECHO].concat());
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

/// A `gen_server` of Erlang that keeps records; its forms, one a line.
const ERLANG_CACHE: &[&str] = &[
    "-module(cache).",
    "-behaviour(gen_server).",
    "-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).",
    "-record(user, {name, age}).",
    "init([]) -> {ok, #{}}.",
    "handle_call({get, Key}, _From, Users) -> {reply, maps:get(Key, Users, undefined), Users}; \
     handle_call({older, undefined}, _From, Users) -> {reply, maps:size(Users), Users}; \
     handle_call({rename, Key, Name}, _From, Users) when is_list(Name) -> \
       case Users of \
         #{Key := User} -> {reply, ok, Users#{Key := User#user{name = unicode:characters_to_binary(Name)}}}; \
         _ -> {reply, {error, {not_found, Key}}, Users} end; \
     handle_call(list, _From, Users) -> {reply, {ok, maps:values(Users)}, Users}; \
     handle_call({crash, Why}, _From, _Users) -> error(Why).",
    "handle_cast({put, Key, #user{} = User}, Users) -> {noreply, Users#{Key => User}}.",
    "handle_info({age, Years}, Users) -> \
       {noreply, maps:map(fun(_, #user{age = Age} = User) -> User#user{age = Age + Years} end, Users)}.",
];

#[term(record = "user")]
#[derive(Clone, Debug, PartialEq)]
struct ErlangUser {
    name: String,
    age: Option<u8>,
}

#[term]
#[derive(Debug, PartialEq)]
enum ErlangError {
    NotFound(Atom),
}

#[client("cache")]
trait ErlangCache {
    #[call]
    async fn get(&self, key: Atom) -> Option<ErlangUser>;
    #[call]
    async fn older(&self, than: Option<u8>) -> usize;
    #[call]
    async fn rename(&self, key: Atom, name: Charlist) -> Result<(), ErlangError>;
    #[call]
    async fn list(&self) -> Result<Vec<ErlangUser>, Term>;
    #[call]
    async fn crash(&self, why: Atom);
    #[cast]
    fn put(&self, key: Atom, user: ErlangUser);
    #[info]
    fn age(&self, years: u8);
}

#[test]
fn a_client_uses_an_erlang_gen_server() {
    let Some(stage) = Stage::new() else { return };
    let forms: Vec<String> = ERLANG_CACHE.iter().map(|form| format!("{form:?}")).collect();
    let forms = forms.join(", ");
    stage.eval(&format!(
        "Forms = [begin {{ok, T, _}} = erl_scan:string(S), {{ok, F}} = erl_parse:parse_form(T), F end || S <- [{forms}]]."
    ));
    stage.eval("{ok, cache, Code} = compile:forms(Forms), {module, cache} = code:load_binary(cache, \"cache\", Code).");
    stage.check("{ok, _} = gen_server:start({local, cache}, cache, [], []), started.", "started");
    stage
        .node
        .block_on(|_cx| async {
            let beam = NodeName::new("beam@127.0.0.1").unwrap();
            let (cache, key) = (ErlangCacheClient::at(beam), Atom::from_static("ada"));
            assert_eq!(cache.get(key.clone()).await?, None);
            let ada = ErlangUser { name: "Ada".into(), age: Some(36) };
            cache.put(key.clone(), ada.clone())?;
            assert_eq!(cache.get(key.clone()).await?, Some(ada));
            assert_eq!(cache.older(None).await?, 1);
            assert_eq!(cache.rename(key.clone(), "Ad\u{e4}".into()).await, Ok(()));
            cache.age(4)?;
            assert_eq!(cache.list().await?, [ErlangUser { name: "Ad\u{e4}".into(), age: Some(40) }]);
            let bob = Atom::from_static("bob");
            let error = cache.rename(bob.clone(), "Bob".into()).await.unwrap_err();
            assert_eq!(error, CallError::App(ErlangError::NotFound(bob)));
            let crash = cache.crash(Atom::from_static("bang")).await.unwrap_err();
            let CallError::Down { reason, begun: true } = &crash else { panic!("{crash}") };
            assert!(reason.to_string().contains("bang"), "{reason}");
            assert_eq!(cache.get(key).await, Err(CallError::NoProcess));
            Ok::<_, Exit>(())
        })
        .unwrap()
        .unwrap();
}
