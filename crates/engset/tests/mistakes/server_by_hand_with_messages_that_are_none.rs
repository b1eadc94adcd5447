//! A server written by hand whose requests are no protocol.

use engset::prelude::*;

enum Request {
    Tick,
}

struct Clock;

impl Server for Clock {
    type Msg = Request;
    type Ref = Addr<Request>;

    async fn handle(&mut self, request: Request, _cx: &mut Cx<Request>) -> Result<(), Exit> {
        match request {
            Request::Tick => Ok(()),
        }
    }
}

fn main() {}
