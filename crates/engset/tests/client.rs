//! A client made of a trait, and a Rust server of the same messages.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use engset::prelude::*;

use std::collections::BTreeMap;

#[client("Elixir.MyApp.Cache")]
trait Cache {
    /// The value of `key`, if there is one.
    #[call]
    async fn get(&self, key: String) -> Option<i64>;
    #[call(name = "get")]
    async fn get_or(&self, key: String, default: i64) -> i64;
    #[call(name = "fetch!")]
    async fn fetch(&self, key: String) -> Result<i64, String>;
    #[call]
    async fn delete(&self, key: String) -> Result<(), ()>;
    #[call]
    async fn size(&self) -> usize;
    #[call]
    async fn find(&self, from: Option<i64>, to: Option<i64>) -> Vec<String>;
    #[cast]
    fn put(&self, key: String, value: i64);
    #[info]
    fn tick(&self, steps: i64);
    #[info]
    fn reset(&self);
}

/// A server in Rust of what the trait describes.
#[derive(Default)]
struct Store {
    values: BTreeMap<String, i64>,
    others: usize,
    ticked_by: Option<Pid>,
}

#[server(messages = CacheMsg)]
impl Store {
    #[call]
    fn get(&self, key: String) -> Option<i64> {
        self.values.get(&key).copied()
    }

    #[call]
    fn get_or(&self, key: String, default: i64) -> i64 {
        self.values.get(&key).copied().unwrap_or(default)
    }

    #[call]
    fn fetch(&self, key: String) -> Result<i64, String> {
        self.values.get(&key).copied().ok_or(key)
    }

    #[call]
    fn delete(&mut self, key: String, reply: Reply<(), ()>) {
        reply.answer(self.values.remove(&key).map(drop).ok_or(()));
    }

    #[call]
    fn size(&self) -> usize {
        self.values.len() + self.others
    }

    #[call]
    fn find(&self, from: Option<i64>, to: Option<i64>) -> Vec<String> {
        let is_in = |value: i64| from.is_none_or(|from| from <= value) && to.is_none_or(|to| value <= to);
        self.values.iter().filter(|(_, value)| is_in(**value)).map(|(key, _)| key.clone()).collect()
    }

    #[cast]
    fn put(&mut self, key: String, value: i64) {
        self.values.insert(key, value);
    }

    #[info]
    fn tick(&mut self, steps: i64, cx: &mut Cx<CacheMsg>) {
        self.ticked_by = Some(cx.pid());
        self.values.values_mut().for_each(|value| *value += steps);
    }

    #[info]
    fn reset(&mut self) {
        self.values.clear();
    }

    #[info]
    fn other(&mut self, _info: Info) {
        self.others += 1;
    }
}

/// Runs all requests over `cache`.
async fn uses<A: Target<CacheMsg>>(cache: CacheClient<A>) -> Result<(), Exit> {
    assert_eq!(cache.get("a".into()).await?, None);
    cache.put("a".into(), 1)?;
    cache.put("b".into(), 2)?;
    cache.tick(10)?;
    assert_eq!(cache.get("a".into()).await?, Some(11));
    assert_eq!(cache.get_or("x".into(), 7).await?, 7);
    assert_eq!(cache.fetch("b".into()).await, Ok(12));
    assert_eq!(cache.fetch("x".into()).await, Err(CallError::App("x".to_owned())));
    assert_eq!(cache.delete("b".into()).await, Ok(()));
    assert_eq!(cache.delete("b".into()).await, Err(CallError::App(())));
    assert_eq!(cache.find(None, Some(20)).await?, ["a"]);
    cache.reset()?;
    assert_eq!(cache.size().await?, 0);
    Ok(())
}

#[test]
fn a_rust_server_takes_the_messages_of_a_client() {
    let node = Node::builder().start().unwrap();
    node.block_on(|_cx| async {
        let store: CacheClient<Addr<CacheMsg>> =
            start_named(Some(CacheClient::NAME), Store::default()).await?;
        uses(CacheClient::here()).await?;
        uses(CacheClient::on(store.pid())).await?;
        uses(CacheClient::new(store.addr())).await
    })
    .unwrap()
    .unwrap();
}

/// Requests as another node would send them: terms.
#[test]
fn requests_that_arrive_as_terms_are_told_apart_by_name_and_arguments() {
    let node = Node::builder().start().unwrap();
    node.block_on(|cx| async move {
        let store = start(Store::default()).await?.pid();
        let server = Addr::<Dynamic>::new(store);
        let call = async |text: &str| Dynamic::call(&server, Term::parse(text).unwrap()).await;
        Dynamic::cast(&server, Term::parse("{put, <<\"a\">>, 1}").unwrap()).unwrap();
        cx.send(store, Term::parse("{tick, 4}").unwrap())?;
        assert_eq!(call("{get, <<\"a\">>}").await, Ok(Term::Int(5)));
        assert_eq!(call("{get, <<\"x\">>, 7}").await, Ok(Term::Int(7)));
        assert_eq!(call("{'fetch!', <<\"x\">>}").await?.to_string(), "{error,<<\"x\">>}");
        assert_eq!(call("{delete, <<\"x\">>}").await?.to_string(), "error");
        let text = call("{size, 1}").await.unwrap_err().to_string();
        let known =
            "unknown request size/1, expected one of get/1, get/2, fetch!/1, delete/1, size/0, find/2";
        assert!(text.contains(known), "{text}");
        let text = call("{get, 1}").await.unwrap_err().to_string();
        assert!(text.contains("the arguments of get/1"), "{text}");
        // Plain messages that are none of the client's are what `Info` has.
        cx.send(store, Term::parse("{tick, fast}").unwrap())?;
        cx.send(store, Term::parse("tock").unwrap())?;
        assert_eq!(call("size").await, Ok(Term::Int(3)));
        cx.send(store, Term::parse("reset").unwrap())?;
        assert_eq!(call("size").await, Ok(Term::Int(2)));
        Ok::<_, Exit>(())
    })
    .unwrap()
    .unwrap();
}

/// Answers whatever is asked with what it was told to.
async fn liar(mut cx: Cx<Dynamic>) {
    while let Mail::Message(request) = cx.recv().await {
        if let Dynamic::Call(_, reply) = request {
            reply.send(Term::parse("{unexpected, [1, 2, 3]}").unwrap());
        }
    }
}

#[test]
fn an_answer_of_another_type_is_shown() {
    let node = Node::builder().start().unwrap();
    let errors = node.block_on(|cx| async move {
        let cache = CacheClient::on(cx.spawn(liar).unwrap().pid());
        (cache.get("a".into()).await.unwrap_err(), cache.fetch("a".into()).await.unwrap_err())
    });
    let (get, fetch) = errors.unwrap();
    assert!(get.maybe_executed());
    let text = get.to_string();
    assert!(text.contains("expected `Option<i64>`, got {unexpected,[1,2,3]}: "), "{text}");
    assert!(fetch.to_string().contains("expected `Result<i64, String>`, got {unexpected"), "{fetch}");
}

/// Arguments may have any name.
#[client("odd")]
trait Odd {
    #[call]
    async fn sum(&self, at: i64, caller: i64, request: i64, out: i64, reply: i64) -> i64;
}

struct Adder;

#[server(messages = OddMsg)]
impl Adder {
    #[call]
    fn sum(&self, at: i64, caller: i64, request: i64, out: i64, reply: i64) -> i64 {
        at + 2 * caller + 3 * request + 4 * out + 5 * reply
    }
}

#[test]
fn arguments_may_have_any_name() {
    let node = Node::builder().start().unwrap();
    let sums = node.block_on(|cx| async move {
        let adder = start(Adder).await.unwrap();
        let by_value = adder.sum(1, 2, 3, 4, 5).await.unwrap();
        let request = Term::parse("{sum, 1, 2, 3, 4, 5}").unwrap();
        let by_term = Dynamic::call(&Addr::<Dynamic>::new(adder.pid()), request).await.unwrap();
        // A process of another message type gets the request as a term.
        let echo = cx.spawn(async |mut cx: Cx<Dynamic>| {
            if let Mail::Message(Dynamic::Call(request, reply)) = cx.recv().await {
                assert_eq!(request, Term::parse("{sum, 1, 2, 3, 4, 5}").unwrap());
                reply.send(Term::from(0));
            }
        });
        let sent = OddClient::on(echo.unwrap().pid()).sum(1, 2, 3, 4, 5).await.unwrap();
        (by_value, by_term, sent)
    });
    assert_eq!(sums.unwrap(), (55, Term::Int(55), 0));
}
