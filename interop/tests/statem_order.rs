//! State machines get their events in the order in which OTP's get them: the same scripts, drawn from a seed, played by
//! a live `gen_statem` and by ours.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset::gen_statem::{Beginning, Entering, Event, StateMachine, Step, start};
use engset::{Cx, Exit, Node, Protocol, Reply, Term};
use engset_testkit::{Beam, require_erl};
use std::fmt::Write as _;
use std::time::Duration;

/// How many scripts are played, and how many of them go into one expression.
const SCRIPTS: usize = 400;
const AT_ONCE: usize = 40;

/// The machine in Erlang. It does what it is sent, and notes everything that it is given, with its state.
const MACHINE: &[&str] = &[
    "-module(played).",
    "-export([callback_mode/0, init/1, handle_event/4]).",
    "callback_mode() -> [handle_event_function, state_enter].",
    "init(_) -> {ok, s0, data}.",
    "handle_event(enter, Old, s2, _) -> note([enter, Old, s2]), {keep_state_and_data, [{{timeout, e}, 0, entered}]};
     handle_event(enter, Old, S, _) -> note([enter, Old, S]), keep_state_and_data;
     handle_event({call, From}, get, _, _) -> {keep_state_and_data, {reply, From, lists:reverse(get(notes))}};
     handle_event(cast, {go, Step}, S, _) -> note([go, S]), Step;
     handle_event(internal, {go, Step}, S, _) -> note([inner, S]), Step;
     handle_event(cast, {post, S}, S, _) -> note([post, S, S]), {keep_state_and_data, postpone};
     handle_event(cast, {hop, T}, S, _) when T =/= S -> note([hop, T, S]), {next_state, T, data, postpone};
     handle_event(cast, {What, T}, S, _) -> note([What, T, S]), keep_state_and_data;
     handle_event({timeout, Name}, Content, S, _) -> note([Name, Content, S]), keep_state_and_data;
     handle_event(Type, Content, S, _) -> note([Type, Content, S]), keep_state_and_data.",
    "note(Words) ->
         Before = case get(notes) of undefined -> []; Notes -> Notes end,
         put(notes, [lists:join(\" \", [atom_to_list(W) || W <- Words]) | Before]).",
];

#[test]
fn events_come_in_the_order_of_otp() {
    if require_erl().is_none() {
        return;
    }
    let beam = Beam::builder().time_limit(Duration::from_secs(60)).start().unwrap();
    load(&beam);
    let node = Node::builder().start().unwrap();
    let mut seed = Seed(20_251_126);
    let scripts: Vec<Vec<Order>> = (0..SCRIPTS).map(|_| seed.script()).collect();
    for scripts in scripts.chunks(AT_ONCE) {
        let theirs = play_there(&beam, scripts);
        for (script, theirs) in scripts.iter().zip(theirs) {
            let played = script.clone();
            let ours = node.block_on(|cx| play_here(cx, played)).unwrap();
            assert_eq!(ours.join(";"), theirs, "the script: {}", orders(script));
        }
    }
}

fn load(beam: &Beam) {
    let sources: Vec<String> = MACHINE.iter().map(|form| format!("{form:?}").replace("\\n", " ")).collect();
    let load = format!(
        "begin Forms = [begin {{ok, T, _}} = erl_scan:string(S), {{ok, F}} = erl_parse:parse_form(T), F end || S <- [{}]], \
         {{ok, played, Code}} = compile:forms(Forms), element(1, code:load_binary(played, \"played\", Code)) end.",
        sources.join(",")
    );
    assert_eq!(beam.eval(&load).unwrap(), "module");
}

fn play_there(beam: &Beam, scripts: &[Vec<Order>]) -> Vec<String> {
    let scripts: Vec<String> = scripts.iter().map(|script| orders(script)).collect();
    let play = format!(
        "[begin {{ok, P}} = gen_statem:start(played, [], []), [gen_statem:cast(P, Order) || Order <- Script], \
         Notes = gen_statem:call(P, get), gen_statem:stop(P), list_to_binary(lists:flatten(lists:join(\";\", Notes))) end \
         || Script <- [{}]].",
        scripts.join(",")
    );
    let printed = beam.eval(&play).unwrap();
    let Term::List(notes) = Term::parse(&format!("{printed}.")).unwrap() else { panic!("{printed}") };
    let text = |note: &Term| String::from_utf8(note.as_binary().unwrap().to_vec()).unwrap();
    notes.elements().iter().map(text).collect()
}

async fn play_here(cx: Cx<Term>, script: Vec<Order>) -> Vec<String> {
    use engset::CallTarget;
    let played = start(Played { notes: Vec::new() }).await.unwrap();
    for order in script {
        cx.send(played, PlayedMsg::Order(order)).unwrap();
    }
    played.call(PlayedMsg::Get).await.unwrap()
}

/// What a machine is sent.
#[derive(Debug, Clone)]
enum Order {
    Go(Go),
    /// Is postponed while the state is this one.
    Post(&'static str),
    /// Goes to this state and is postponed, unless the state is this one.
    Hop(&'static str),
    Note(&'static str),
}

/// A step: a state and actions.
#[derive(Debug, Clone)]
struct Go {
    to: To,
    actions: Vec<Action>,
}

#[derive(Debug, Clone, Copy)]
enum To {
    Keep,
    Repeat,
    Next(&'static str),
}

#[derive(Debug, Clone)]
enum Action {
    Internal(&'static str),
    Inner(Go),
    Start(Kind, bool, &'static str),
    Update(Kind, &'static str),
    Cancel(Kind),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Event,
    State,
    Named(&'static str),
}

/// Longer than any script takes.
const LONG: Duration = Duration::from_secs(100);

const STATES: [&str; 3] = ["s0", "s1", "s2"];
const WORDS: [&str; 4] = ["a", "b", "c", "d"];
const KINDS: [Kind; 4] = [Kind::Event, Kind::State, Kind::Named("x"), Kind::Named("y")];

/// Numbers that look like chance and are always the same.
struct Seed(u64);

impl Seed {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn script(&mut self) -> Vec<Order> {
        (0..2 + self.below(7)).map(|_| self.order()).collect()
    }

    fn order(&mut self) -> Order {
        match self.below(8) {
            0 => Order::Post(self.of(&STATES)),
            1 => Order::Hop(self.of(&STATES)),
            2 => Order::Note(self.of(&WORDS)),
            _ => Order::Go(self.go(true)),
        }
    }

    fn go(&mut self, nested: bool) -> Go {
        let to = match self.below(4) {
            0 => To::Keep,
            1 => To::Repeat,
            _ => To::Next(self.of(&STATES)),
        };
        let actions = (0..self.below(5)).map(|_| self.action(nested)).collect();
        Go { to, actions }
    }

    fn action(&mut self, nested: bool) -> Action {
        match self.below(8) {
            0 => Action::Internal(self.of(&WORDS)),
            1 if nested => Action::Inner(self.go(false)),
            2 => Action::Update(self.of(&KINDS), self.of(&WORDS)),
            3 => Action::Cancel(self.of(&KINDS)),
            _ => Action::Start(self.of(&KINDS), self.below(3) > 0, self.of(&WORDS)),
        }
    }
}

/// The script in Erlang.
fn orders(script: &[Order]) -> String {
    let orders: Vec<String> = script
        .iter()
        .map(|order| match order {
            Order::Go(go) => format!("{{go,{}}}", go.erlang()),
            Order::Post(state) => format!("{{post,{state}}}"),
            Order::Hop(state) => format!("{{hop,{state}}}"),
            Order::Note(word) => format!("{{note,{word}}}"),
        })
        .collect();
    format!("[{}]", orders.join(","))
}

impl Go {
    fn erlang(&self) -> String {
        let mut actions = String::new();
        for (number, action) in self.actions.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let action = match action {
                Action::Internal(word) => format!("{{next_event,internal,{word}}}"),
                Action::Inner(go) => format!("{{next_event,internal,{{go,{}}}}}", go.erlang()),
                Action::Start(kind, true, word) => format!("{{{},0,{word}}}", kind.erlang()),
                Action::Start(kind, false, word) => {
                    format!("{{{},{},{word}}}", kind.erlang(), LONG.as_millis())
                }
                Action::Update(kind, word) => format!("{{{},update,{word}}}", kind.erlang()),
                Action::Cancel(kind) => format!("{{{},cancel}}", kind.erlang()),
            };
            write!(actions, "{comma}{action}").unwrap();
        }
        match self.to {
            To::Keep => format!("{{keep_state_and_data,[{actions}]}}"),
            To::Repeat => format!("{{repeat_state_and_data,[{actions}]}}"),
            To::Next(state) => format!("{{next_state,{state},data,[{actions}]}}"),
        }
    }

    fn step(self) -> Step<Played> {
        let step = match self.to {
            To::Keep => Step::keep(),
            To::Repeat => Step::repeat(),
            To::Next(state) => Step::next(state),
        };
        self.actions.into_iter().fold(step, |step, action| match action {
            Action::Internal(word) => step.internal(Own::Word(word)),
            Action::Inner(go) => step.internal(Own::Go(go)),
            Action::Start(kind, zero, word) => {
                let (after, own) = (if zero { Duration::ZERO } else { LONG }, Own::Word(word));
                match kind {
                    Kind::Event => step.event_timeout(after, own),
                    Kind::State => step.state_timeout(after, own),
                    Kind::Named(name) => step.timeout(name, after, own),
                }
            }
            Action::Update(kind, word) => match kind {
                Kind::Event => step.update_event_timeout(Own::Word(word)),
                Kind::State => step.update_state_timeout(Own::Word(word)),
                Kind::Named(name) => step.update_timeout(name, Own::Word(word)),
            },
            Action::Cancel(kind) => match kind {
                Kind::Event => step.cancel_event_timeout(),
                Kind::State => step.cancel_state_timeout(),
                Kind::Named(name) => step.cancel_timeout(name),
            },
        })
    }
}

impl Kind {
    fn erlang(self) -> String {
        match self {
            Self::Event => "timeout".to_owned(),
            Self::State => "state_timeout".to_owned(),
            Self::Named(name) => format!("{{timeout,{name}}}"),
        }
    }
}

/// The machine in Rust.
struct Played {
    notes: Vec<String>,
}

enum PlayedMsg {
    Order(Order),
    Get(Reply<Vec<String>>),
}

impl Protocol for PlayedMsg {}

enum Own {
    Word(&'static str),
    Go(Go),
}

impl StateMachine for Played {
    type State = &'static str;
    type Msg = PlayedMsg;
    type Own = Own;
    type Timer = &'static str;

    async fn init(&mut self, _cx: &mut Cx<PlayedMsg>) -> Result<Step<Self, Beginning>, Exit> {
        Ok(Step::next("s0"))
    }

    async fn handle(
        &mut self,
        state: &&'static str,
        event: Event<Self>,
        _cx: &mut Cx<PlayedMsg>,
    ) -> Result<Step<Self>, Exit> {
        let state = *state;
        let order = match event {
            Event::Message(PlayedMsg::Get(reply)) => return Ok(Step::keep().reply(reply, self.notes.clone())),
            Event::Message(PlayedMsg::Order(order)) => order,
            Event::Internal(Own::Go(go)) => {
                self.notes.push(format!("inner {state}"));
                return Ok(go.step());
            }
            event => {
                self.notes.push(format!("{} {state}", text(&event)));
                return Ok(Step::keep());
            }
        };
        let (note, step) = match &order {
            Order::Go(go) => ("go".to_owned(), go.clone().step()),
            Order::Post(at) if *at == state => (format!("post {at}"), Step::keep().postpone(again(&order))),
            Order::Post(at) => (format!("post {at}"), Step::keep()),
            Order::Hop(to) if *to != state => (format!("hop {to}"), Step::next(*to).postpone(again(&order))),
            Order::Hop(to) => (format!("hop {to}"), Step::keep()),
            Order::Note(word) => (format!("note {word}"), Step::keep()),
        };
        self.notes.push(format!("{note} {state}"));
        Ok(step)
    }

    async fn enter(
        &mut self,
        before: &&'static str,
        state: &&'static str,
        _cx: &mut Cx<PlayedMsg>,
    ) -> Result<Step<Self, Entering>, Exit> {
        self.notes.push(format!("enter {before} {state}"));
        let step = Step::keep();
        Ok(if *state == "s2" { step.timeout("e", Duration::ZERO, Own::Word("entered")) } else { step })
    }
}

fn again(order: &Order) -> Event<Played> {
    Event::Message(PlayedMsg::Order(order.clone()))
}

fn text(event: &Event<Played>) -> String {
    let (kind, own) = match event {
        Event::Internal(own) => ("internal", own),
        Event::EventTimeout(own) => ("timeout", own),
        Event::StateTimeout(own) => ("state_timeout", own),
        Event::Timeout(name, own) => (*name, own),
        Event::Message(_) | Event::Info(_) => return format!("{event:?}"),
    };
    match own {
        Own::Word(word) => format!("{kind} {word}"),
        Own::Go(_) => format!("{kind} go"),
    }
}
