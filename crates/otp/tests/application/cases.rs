//! Loading, starting, stopping and configuring.

use crate::node::{Record, atom, each_seed, millis, on_threads, settle};
use crate::probe::{NOBODY, Probe, names, no, which, with};
use engset_otp::application::{
    AppBehaviour, AppCx, AppError, Application, Applications, Config, Controller, Env,
};
use engset_otp::{CallError, Child, Restart, StartError, Supervisor, sys};
use engset_process::{Cx, ExitReason};
use engset_term::{Pid, Term};
use std::collections::BTreeMap;

const TEMPORARY: Restart = Restart::Temporary;

fn needing(record: &Record, name: &'static str, needs: &[&str]) -> Application {
    let app = Probe::new(name, record).app();
    needs.iter().fold(app, |app, need| app.depends_on(atom(need)))
}

/// An application is loaded once, with its values, and forgotten once it does not run.
#[test]
fn load() {
    each_seed(|cx| async move {
        let record = Record::default();
        let config = Config::from([(atom("a"), BTreeMap::from([(atom("x"), Term::from(2))]))]);
        let controller = Controller::default().config(config).max_applications(2);
        let a = || Probe::new("a", &record).app().env(atom("x"), 1).env(atom("y"), 1).description("first");
        let apps = with(controller, [a()]).await;
        assert_eq!(apps.load(a()).await, no(AppError::AlreadyLoaded(atom("a"))));
        let env = apps.env(&atom("a")).unwrap();
        assert_eq!(env.all(), [(atom("x"), Term::from(2)), (atom("y"), Term::from(1))]);
        assert_eq!(apps.loaded_applications().await.unwrap()[0].description, "first");
        // As many as there may be, and not one more.
        apps.load(Application::library(atom("b"))).await.unwrap();
        let third = || apps.load(Application::library(atom("c")));
        assert_eq!(third().await, no(AppError::TooMany(2)));
        apps.start(atom("a"), TEMPORARY).await.unwrap();
        assert_eq!(apps.unload(atom("a")).await, no(AppError::Running(atom("a"))));
        apps.stop(atom("a")).await.unwrap();
        assert_eq!(apps.unload(atom("a")).await, Ok(()));
        assert_eq!(apps.unload(atom("a")).await, no(AppError::NotLoaded(atom("a"))));
        assert!(apps.env(&atom("a")).is_none());
        assert_eq!(third().await, Ok(()));
        let found = Applications::find(cx.processes()).await.unwrap();
        assert_eq!(names(found.loaded_applications().await.unwrap()), [atom("b"), atom("c")]);
        assert!(found.env(&atom("b")).is_some());
    });
}

/// To start what is started already is an error, or none for who only wants it to run.
#[test]
fn ensure_started() {
    each_seed(|_| async move {
        let record = Record::default();
        let apps = with(Controller::default(), [Probe::new("a", &record).app()]).await;
        assert_eq!(apps.ensure_started(atom("x"), TEMPORARY).await, no(AppError::NotLoaded(atom("x"))));
        assert_eq!(apps.ensure_started(atom("a"), TEMPORARY).await, Ok(()));
        assert_eq!(apps.ensure_started(atom("a"), TEMPORARY).await, Ok(()));
        let again = apps.start(atom("a"), TEMPORARY).await;
        assert_eq!(again, no(AppError::AlreadyStarted(atom("a"))));
        assert_eq!(apps.stop(atom("a")).await, Ok(()));
        assert_eq!(apps.stop(atom("a")).await, no(AppError::NotStarted(atom("a"))));
        assert_eq!(apps.stop(atom("x")).await, no(AppError::NotLoaded(atom("x"))));
        assert_eq!(record.take(), ["a start", "a prep_stop", "a ends shutdown", "a stop"]);
    });
}

/// All that an application needs is started before it, once; where one fails, those are stopped again that were started.
#[test]
fn ensure_all_started() {
    each_seed(|_| async move {
        let record = Record::default();
        let mut bad = Probe::new("bad", &record);
        bad.start_fails = Some(ExitReason::from(atom("broken")));
        let apps = with(
            Controller::default(),
            [
                needing(&record, "a", &["b", "c"]),
                needing(&record, "b", &["d"]),
                needing(&record, "c", &["d"]),
                needing(&record, "d", &[]),
                bad.app().depends_on(atom("d")),
                needing(&record, "e", &["a", "bad"]),
                needing(&record, "f", &["missing"]),
            ],
        )
        .await;
        let early = AppError::DependencyNotStarted { app: atom("a"), dependency: atom("b") };
        assert_eq!(apps.start(atom("a"), TEMPORARY).await, no(early));

        let failed = AppError::Start { app: atom("bad"), reason: ExitReason::from(atom("broken")) };
        apps.start(atom("d"), TEMPORARY).await.unwrap();
        assert_eq!(apps.ensure_all_started([atom("e")], TEMPORARY).await, no(failed));
        assert_eq!(which(&apps).await, [atom("d")]);
        let happened = record.take();
        let starts: Vec<&String> = happened.iter().filter(|fact| fact.ends_with(" start")).collect();
        assert_eq!(starts, ["d start", "b start", "c start", "a start"]);
        let stops: Vec<&String> = happened.iter().filter(|fact| fact.ends_with(" stop")).collect();
        assert_eq!(stops, ["a stop", "c stop", "b stop"]);

        let started = apps.ensure_all_started([atom("a"), atom("d")], TEMPORARY).await;
        assert_eq!(started, Ok(vec![atom("b"), atom("c"), atom("a")]));
        assert_eq!(apps.ensure_all_started([atom("a")], TEMPORARY).await, Ok(vec![]));
        let missing = AppError::DependencyNotLoaded { app: atom("f"), dependency: atom("missing") };
        assert_eq!(apps.ensure_all_started([atom("f")], TEMPORARY).await, no(missing));
    });
}

/// Applications that need each other in a circle are refused, and the circle is named.
#[test]
fn a_cycle_is_refused() {
    each_seed(|_| async move {
        let record = Record::default();
        let apps = with(
            Controller::default(),
            [needing(&record, "a", &["b"]), needing(&record, "b", &["c"]), needing(&record, "c", &["b"])],
        )
        .await;
        let cycle = AppError::Cycle(vec![atom("b"), atom("c"), atom("b")]);
        assert!(cycle.to_string().ends_with("circle: `b` needs `c` needs `b`"), "{cycle}");
        assert_eq!(apps.ensure_all_started([atom("a")], TEMPORARY).await, no(cycle));
        assert_eq!(record.take(), Vec::<String>::new());
    });
}

/// What an application can do without is started before it where it is loaded, and not missed where it is not.
#[test]
fn optional_applications() {
    each_seed(|_| async move {
        let record = Record::default();
        let a = Probe::new("a", &record).app();
        let a = a.optionally_depends_on(atom("there")).optionally_depends_on(atom("not_there"));
        let apps = with(Controller::default(), [a, Probe::new("there", &record).app()]).await;
        // By itself it starts without.
        apps.start(atom("a"), TEMPORARY).await.unwrap();
        apps.stop(atom("a")).await.unwrap();
        let started = apps.ensure_all_started([atom("a")], TEMPORARY).await;
        assert_eq!(started, Ok(vec![atom("there"), atom("a")]));
    });
}

/// An application goes through its phases in their order when its top process runs; one that fails is its end.
#[test]
fn start_phases() {
    each_seed(|cx| async move {
        let record = Record::default();
        let mut bad = Probe::new("bad", &record);
        bad.failing_phase = Some("go");
        let phases = |app: Application| app.start_phase(atom("init"), 1).start_phase(atom("go"), Term::Nil);
        let app = phases(Probe::new("a", &record).app());
        let apps = with(Controller::default(), [app, phases(bad.app())]).await;
        apps.start(atom("a"), TEMPORARY).await.unwrap();
        assert_eq!(record.take(), ["a start", "a phase init 1", "a phase go []"]);
        let failed = AppError::Start { app: atom("bad"), reason: ExitReason::from(atom("phase_failed")) };
        assert_eq!(apps.start(atom("bad"), TEMPORARY).await, no(failed));
        let expected = ["bad start", "bad phase init 1", "bad phase go []", "bad ends shutdown"];
        assert_eq!(record.take(), expected);
        assert_eq!(cx.processes().whereis(&atom("bad")), None);
        assert_eq!(which(&apps).await, [atom("a")]);
    });
}

/// A new configuration changes the environments; applications that run, and for which something changed, are told, and
/// may say that they cannot use it.
#[test]
fn config_change() {
    each_seed(|_| async move {
        let record = Record::default();
        let config = |values: &[(&str, &str, i64)]| {
            let mut config = Config::new();
            for (app, key, value) in values {
                config.entry(atom(app)).or_default().insert(atom(key), Term::from(*value));
            }
            config
        };
        let mut picky = Probe::new("picky", &record);
        picky.config_fails = Some(ExitReason::from(atom("no")));
        let controller = Controller::default().config(config(&[("a", "x", 1), ("a", "y", 1)]));
        let a = Probe::new("a", &record).app().env(atom("z"), 1);
        let apps = with(controller, [a, picky.app(), Probe::new("idle", &record).app()]).await;
        apps.start(atom("a"), TEMPORARY).await.unwrap();
        apps.start(atom("picky"), TEMPORARY).await.unwrap();
        record.take();

        let env = apps.env(&atom("a")).unwrap();
        env.put(atom("put"), Term::Nil).unwrap();
        let next = config(&[("a", "x", 2), ("a", "w", 1), ("idle", "x", 1)]);
        assert_eq!(apps.change_config(next.clone()).await, Ok(()));
        assert_eq!(record.take(), ["a changed x=2, new w=1, removed put y"]);
        assert_eq!(env.get(&atom("x")), Some(Term::from(2)));
        assert_eq!(apps.env(&atom("idle")).unwrap().get(&atom("x")), Some(Term::from(1)));
        assert_eq!(apps.change_config(next).await, Ok(()));
        assert_eq!(record.take(), Vec::<String>::new());

        let refused = AppError::Config(vec![(atom("picky"), ExitReason::from(atom("no")))]);
        assert_eq!(apps.change_config(config(&[("picky", "x", 1)])).await, no(refused));
        let told = ["a changed , new , removed w x", "picky changed , new x=1, removed "];
        assert_eq!(record.take(), told);
        assert_eq!(which(&apps).await, [atom("picky"), atom("a")]);
    });
}

/// An application that may not run is started and waits until it may; one that may not run any more is stopped, and
/// starts again when it may.
#[test]
fn permit_false_start_local() {
    each_seed(|_| async move {
        let record = Record::default();
        let controller = Controller::default().permission(atom("a"), false);
        let b = Probe::new("b", &record).app().depends_on(atom("a"));
        let apps = with(controller, [Probe::new("a", &record).app(), b]).await;
        assert_eq!(apps.permit(atom("x"), true).await, no(AppError::NotLoaded(atom("x"))));
        assert_eq!(apps.start(atom("a"), TEMPORARY).await, Ok(()));
        assert_eq!(which(&apps).await, NOBODY);
        assert_eq!(apps.start(atom("a"), TEMPORARY).await, no(AppError::AlreadyStarted(atom("a"))));
        let held = AppError::DependencyNotStarted { app: atom("b"), dependency: atom("a") };
        assert_eq!(apps.start(atom("b"), TEMPORARY).await, no(held));

        assert_eq!(apps.permit(atom("a"), true).await, Ok(()));
        assert_eq!(which(&apps).await, [atom("a")]);
        assert_eq!(apps.permit(atom("a"), false).await, Ok(()));
        assert_eq!(which(&apps).await, NOBODY);
        assert_eq!(apps.permit(atom("a"), true).await, Ok(()));
        assert_eq!(which(&apps).await, [atom("a")]);

        // One that was stopped does not come back with its permission.
        assert_eq!(apps.permit(atom("a"), false).await, Ok(()));
        assert_eq!(apps.stop(atom("a")).await, Ok(()));
        assert_eq!(apps.permit(atom("a"), true).await, Ok(()));
        assert_eq!(which(&apps).await, NOBODY);
    });
}

/// A permission that is taken away while the application starts or stops counts when that is done.
#[test]
fn permissions() {
    each_seed(|cx| async move {
        let record = Record::default();
        let mut slow = Probe::new("a", &record);
        slow.start_takes = millis(10);
        slow.stop_takes = Some(millis(10));
        let apps = with(Controller::default(), [slow.app()]).await;
        let starting = apps.clone();
        cx.spawn::<Term, _, _>(move |_| async move {
            assert_eq!(starting.start(atom("a"), TEMPORARY).await, Ok(()));
        })
        .unwrap();
        settle(&cx).await;
        apps.permit(atom("a"), false).await.unwrap();
        let done = ["a start", "a prep_stop", "a ends shutdown", "a stop"];
        assert_eq!(record.take(), done, "the answer comes when it has stopped");
        apps.permit(atom("a"), true).await.unwrap();
        assert_eq!(which(&apps).await, [atom("a")]);

        let stopping = apps.clone();
        cx.spawn::<Term, _, _>(move |_| async move { stopping.permit(atom("a"), false).await.unwrap() })
            .unwrap();
        settle(&cx).await;
        assert_eq!(apps.start(atom("a"), TEMPORARY).await, no(AppError::Stopping(atom("a"))));
        assert_eq!(apps.permit(atom("a"), true).await, Ok(()));
        assert_eq!(which(&apps).await, [atom("a")]);
    });
}

/// A start that is under way is waited for by all who ask for it.
#[test]
fn two_who_start_it_wait_together() {
    each_seed(|cx| async move {
        let record = Record::default();
        let mut slow = Probe::new("a", &record);
        slow.start_takes = millis(10);
        let apps = with(Controller::default(), [slow.app()]).await;
        let also = apps.clone();
        let (other, happened) = (Record::default(), record.clone());
        let done = other.clone();
        cx.spawn::<Term, _, _>(move |_| async move {
            assert_eq!(also.start(atom("a"), TEMPORARY).await, Ok(()));
            done.add("started");
        })
        .unwrap();
        assert_eq!(apps.start(atom("a"), TEMPORARY).await, Ok(()));
        settle(&cx).await;
        assert_eq!((other.take(), happened.take()), (vec!["started".to_owned()], vec!["a start".to_owned()]));
    });
}

/// An application that is only a supervisor has it as its top process, made of its environment; a library has none.
#[test]
fn a_supervisor_is_an_application() {
    let main = |cx: Cx<Term>| async move {
        let work = |mut cx: Cx<Term>| async move {
            cx.recv().await;
        };
        let shop = Application::supervisor(atom("shop"), move |env| {
            let workers = env.get_as::<usize>(&atom("workers")).unwrap().unwrap();
            let add = |supervisor: Supervisor, number: usize| {
                supervisor.child(Child::process(&number.to_string(), move || work))
            };
            (0..workers).fold(Supervisor::one_for_one(), add)
        });
        let apps = with(
            Controller::default(),
            [
                shop.env(atom("workers"), 3).depends_on(atom("base")),
                Application::library(atom("base")).version("1.2"),
            ],
        )
        .await;
        assert_eq!(apps.supervisor_of(atom("shop")).await, Ok(None));
        apps.ensure_all_started([atom("shop")], Restart::Permanent).await.unwrap();
        assert_eq!(which(&apps).await, [atom("shop"), atom("base")]);
        let supervisor = apps.supervisor_of(atom("shop")).await.unwrap().unwrap();
        let supervisor = engset_otp::SupervisorRef::new(engset_process::Addr::new(supervisor));
        assert_eq!(supervisor.count_children().await.unwrap().active, 3);
        assert_eq!(apps.supervisor_of(atom("base")).await, Ok(None));
        let state = sys::get_state(&apps).await.unwrap();
        let running = Term::list([Term::atom("shop"), Term::atom("base")]);
        assert!(matches!(&state, Term::Map(map) if map.get_atom("running") == Some(&running)), "{state}");
        apps.stop(atom("base")).await.unwrap();
        apps.stop(atom("shop")).await.unwrap();
        assert!(!cx.processes().is_alive(supervisor.pid()));
    };
    each_seed(main);
    on_threads(main);
}

/// An application's own process cannot wait for its own start or stop; it may ask for everything else.
#[test]
fn nobody_waits_for_itself() {
    struct Asking(Applications);
    impl AppBehaviour for Asking {
        async fn start(&mut self, _: &Env, cx: &mut AppCx) -> Result<Pid, StartError> {
            let itself = AppError::WaitingForSelf(atom("a"));
            assert_eq!(self.0.start(atom("a"), TEMPORARY).await, no(itself.clone()));
            assert_eq!(self.0.stop(atom("a")).await, no(itself.clone()));
            assert_eq!(self.0.permit(atom("a"), false).await, no(itself));
            self.0.start(atom("b"), TEMPORARY).await.unwrap();
            Supervisor::one_for_one().start_link(cx).await.map(|supervisor| supervisor.pid())
        }
    }
    each_seed(|_| async move {
        let apps = Controller::default().start().await.unwrap();
        let asked = apps.clone();
        apps.load(Application::new(atom("a"), move || Asking(asked.clone()))).await.unwrap();
        apps.load(Probe::new("b", &Record::default()).app()).await.unwrap();
        apps.start(atom("a"), TEMPORARY).await.unwrap();
        assert_eq!(which(&apps).await, [atom("a"), atom("b")]);
    });
}

/// There is one controller for a node.
#[test]
fn a_node_has_one_controller() {
    each_seed(|cx| async move {
        let none = Applications::find(cx.processes()).await;
        assert!(matches!(none, Err(CallError::NoProcess)));
        let apps = Controller::default().start().await.unwrap();
        assert!(matches!(Controller::default().start().await, Err(StartError::Spawn(_))));
        let found = Applications::find(cx.processes()).await.unwrap();
        assert_eq!(found.pid(), apps.pid());
    });
}
