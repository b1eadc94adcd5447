//! One process of a storm: does what it is told, and writes down what happens to it.

use super::pushed;
use crate::ledger::{Pair, SharedLedger};
use bytes::Bytes;
use engset_etf::encode_body;
use engset_process::{
    Cx, EncodeError, Encoded, Exit, ExitReason, Mail, Outgoing, Processes, Protocol, Rejected,
};
use engset_term::{Pid, Term};
use std::sync::Arc;

/// What a worker is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Send(Pid),
    Link(Pid),
    Unlink(Pid),
    Monitor(Pid),
    /// Takes back one monitor on this process, or else on anybody.
    Demonitor(Pid),
    Exit(Pid),
    /// Ends: `normal` when the process named is itself, otherwise with an error.
    Stop(Pid),
}

/// What a worker takes: orders from its own node, numbered messages from anywhere.
#[derive(Debug)]
pub(crate) enum Order {
    Do(Op),
    Numbered(Pid, usize),
}

impl Protocol for Order {
    fn encode(self, out: &Outgoing<'_>) -> Result<(), EncodeError> {
        match self {
            Self::Numbered(from, number) => {
                let mut body = Vec::new();
                let number = i64::try_from(number).unwrap_or(i64::MAX);
                encode_body(&Term::tuple([Term::from(from), Term::int(number)]), &mut body);
                out.send(Bytes::from(body));
                Ok(())
            }
            Self::Do(_) => Err(EncodeError::LocalOnly { protocol: "orders" }),
        }
    }

    fn decode(encoded: Encoded, _at: &Arc<Processes>) -> Result<Mail<Self>, Rejected> {
        let term = encoded.term()?;
        let numbered = match term.as_tuple() {
            Some([from, number]) => {
                from.as_pid().zip(number.as_int().and_then(|int| usize::try_from(int).ok()))
            }
            _ => None,
        };
        Ok(match numbered {
            Some((from, number)) => Mail::Message(Self::Numbered(from, number)),
            None => Mail::Other(Box::new(term)),
        })
    }
}

pub(crate) async fn worker(mut cx: Cx<Order>, ledger: SharedLedger, traps: bool) -> Result<(), Exit> {
    cx.trap_exit(traps);
    let me = cx.pid();
    loop {
        let mail = cx.recv().await;
        let now = cx.processes().scheduler().now();
        match mail {
            Mail::Message(Order::Do(op)) => perform(&mut cx, &ledger, op)?,
            Mail::Message(Order::Numbered(from, number)) => {
                ledger.lock().receives(Pair { from, to: me }, number, now);
            }
            Mail::Down(down) => ledger.lock().down(me, down.reference, down.reason),
            Mail::Exit(trapped) => {
                let pair = Pair { from: trapped.from, to: me };
                ledger.lock().traps.push(crate::ledger::TrapRecord { pair, reason: trapped.reason });
            }
            Mail::Other(_) => {}
        }
    }
}

fn perform(cx: &mut Cx<Order>, ledger: &SharedLedger, op: Op) -> Result<(), Exit> {
    let me = cx.pid();
    let now = cx.processes().scheduler().now();
    match op {
        Op::Send(to) => {
            let number = ledger.lock().sends(Pair { from: me, to }, now);
            // A message to a dead process is refused on its own node; nothing is owed then.
            drop(cx.send(to, Order::Numbered(me, number)));
        }
        // A process is not linked to itself.
        Op::Link(to) | Op::Unlink(to) if to == me => {}
        Op::Link(to) => {
            *ledger.lock().links.entry(Pair { from: me, to }).or_default() += 1;
            cx.link(to);
        }
        Op::Unlink(to) => {
            *ledger.lock().unlinks.entry(Pair { from: me, to }).or_default() += 1;
            cx.unlink(to);
        }
        Op::Monitor(to) => {
            let reference = cx.monitor(to);
            ledger.lock().monitors(reference, Pair { from: me, to }, now);
        }
        Op::Demonitor(to) => demonitor(cx, ledger, to),
        Op::Exit(to) => {
            *ledger.lock().exits.entry(Pair { from: me, to }).or_default() += 1;
            cx.exit(to, pushed());
        }
        Op::Stop(whom) if whom == me => return Err(Exit(ExitReason::Normal)),
        Op::Stop(_) => return Err(Exit(ExitReason::from_term(Term::atom("failed")))),
    }
    Ok(())
}

fn demonitor(cx: &mut Cx<Order>, ledger: &SharedLedger, to: Pid) {
    let chosen = {
        let mut ledger = ledger.lock();
        let mine = ledger.monitors.iter_mut().filter(|(_, record)| {
            record.pair.from == cx.pid() && !record.demonitored && record.downs.is_empty()
        });
        let chosen = mine.min_by_key(|(_, record)| record.pair.to != to);
        chosen.map(|(reference, record)| {
            record.demonitored = true;
            *reference
        })
    };
    if let Some(reference) = chosen {
        cx.demonitor(reference);
    }
}
