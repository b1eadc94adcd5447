//! Typed clients of an Elixir `GenServer` and an Erlang `gen_server`, and Rust values in the forms of both languages.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::prelude::*;
use engset::terms::{Charlist, from_term};
use engset_testkit::free_port;
use stage::elixir::{ElixirStage, iex};
use stage::{COOKIE, Stage};
use std::collections::BTreeMap;
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

/// The Elixir node with the cache running.
fn with_cache() -> Option<ElixirStage> {
    let stage = ElixirStage::new()?;
    stage.eval(CACHE);
    stage.check("{:ok, _} = MyApp.Cache.start(); :started", ":started");
    Some(stage)
}

#[test]
fn a_client_uses_an_elixir_genserver() {
    let Some(stage) = with_cache() else { return };
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
    let Some(stage) = with_cache() else { return };
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
    let Some(stage) = with_cache() else { return };
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
    let Some(stage) = with_cache() else { return };
    let error = stage.node.block_on(|_cx| async { CacheClient::at(iex()).names_as_numbers(Some(1)).await });
    let error = error.unwrap().unwrap_err();
    let CallError::Down { reason, begun: true } = &error else { panic!("{error}") };
    assert!(reason.to_string().contains("function_clause"), "{reason}");
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
