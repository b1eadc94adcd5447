//! `source`: sends many messages of a given size, as fast as the receiver's connection takes them.

use super::puppet::dest;
use engset::{Cx, Dest, Mail, Term};

/// Messages sent in one turn.
const TURN: u64 = 64;
/// The most bytes that one message may be asked to have.
const SIZE_MAX: usize = 64 * 1024 * 1024;

pub(super) async fn run(mut cx: Cx<Term>) {
    loop {
        let Mail::Message(message) = cx.recv().await else { continue };
        let Some((to, count, size)) = order(&message) else { continue };
        let binary = Term::binary(vec![b'x'; size]);
        for number in 1..=count {
            cx.ready(to.clone()).await;
            if number % TURN == 0 {
                // Others get their turn, and exit signals act.
                tokio::task::yield_now().await;
            }
            let message = Term::tuple([Term::atom("seq"), Term::from(number), binary.clone()]);
            if cx.send(to.clone(), message).is_err() {
                break;
            }
        }
    }
}

fn order(message: &Term) -> Option<(Dest, u64, usize)> {
    match message.as_tuple()? {
        [tag, to, count, size] if tag.is_atom("send") => {
            let count = u64::try_from(count.as_int()?).ok()?;
            let size = usize::try_from(size.as_int()?).ok().filter(|size| *size <= SIZE_MAX)?;
            Some((dest(to)?, count, size))
        }
        _ => None,
    }
}
