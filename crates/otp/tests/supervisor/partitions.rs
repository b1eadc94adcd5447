//! Partition supervisors: keys spread among processes, over restarts.

use crate::stage::{each_seed, exit_of, on_threads, secs, settle, stop};
use engset_otp::{
    CallError, CallTarget, PARTITIONS_MAX, PartitionSupervisor, Reply, Restart, Server, StartError,
};
use engset_process::{Addr, Cx, Exit, ExitReason, Protocol};
use engset_term::Atom;
use std::collections::BTreeSet;

struct Partition(usize);

struct Number(Reply<usize>);

impl Protocol for Number {}

impl Server for Partition {
    type Msg = Number;
    type Ref = Addr<Number>;

    async fn handle(&mut self, Number(reply): Number, _: &mut Cx<Number>) -> Result<(), Exit> {
        reply.send(self.0);
        Ok(())
    }
}

#[test]
fn each_key_has_one_partition_and_all_partitions_have_keys() {
    each_seed(|mut cx| async move {
        let partitions = PartitionSupervisor::new(8, Partition).start_link(&mut cx).await.unwrap();
        let mut used = BTreeSet::new();
        for key in 0..200 {
            let number = partitions.of(&key).call(Number).await.unwrap();
            assert_eq!(number, partitions.number_of(&key));
            assert_eq!(partitions.clone().of(&key).pid(), partitions.pid(number));
            used.insert(number);
        }
        assert_eq!(used.len(), partitions.len());
        assert_eq!(partitions.of("text").pid(), partitions.of(&"text".to_owned()).pid());
        let all: Vec<_> = partitions.iter().map(|partition| partition.pid()).collect();
        assert_eq!(all.len(), 8);
        assert_eq!(partitions.get(7).unwrap().pid(), all[7]);
        assert!(partitions.get(8).is_none());
    });
}

#[test]
fn a_partition_that_crashed_is_found_again_and_its_siblings_stay() {
    each_seed(|mut cx| async move {
        let partitions = PartitionSupervisor::new(3, Partition).intensity(2, secs(5));
        let partitions = partitions.start_link(&mut cx).await.unwrap();
        let before: Vec<_> = partitions.iter().map(|partition| partition.pid()).collect();
        cx.exit(before[1], ExitReason::Kill);
        settle(&cx).await;
        let after: Vec<_> = partitions.iter().map(|partition| partition.pid()).collect();
        assert_eq!((after[0], after[2]), (before[0], before[2]));
        assert_ne!(after[1], before[1]);
        assert_eq!(partitions.get(1).unwrap().call(Number).await, Ok(1));
        let counts = partitions.supervisor().count_children().await.unwrap();
        assert_eq!((counts.specs, counts.active), (3, 3));
    });
}

#[test]
fn the_intensity_of_the_partitions_is_kept() {
    each_seed(|mut cx| async move {
        let partitions = PartitionSupervisor::new(2, Partition).intensity(0, secs(5));
        let partitions = partitions.named(Atom::from_static("parts")).start_link(&mut cx).await.unwrap();
        let supervisor = partitions.supervisor().pid();
        assert_eq!(cx.processes().whereis(&Atom::from_static("parts")), Some(supervisor));
        cx.exit(partitions.pid(0), ExitReason::Kill);
        assert_eq!(exit_of(&mut cx, supervisor).await, ExitReason::Shutdown);
        assert_eq!(partitions.get(1).unwrap().call(Number).await, Err(CallError::NoProcess));
    });
}

#[test]
fn a_temporary_partition_does_not_come_back() {
    each_seed(|mut cx| async move {
        let partitions = PartitionSupervisor::new(2, Partition).restart(Restart::Temporary);
        let partitions = partitions.start_link(&mut cx).await.unwrap();
        cx.exit(partitions.pid(0), ExitReason::Kill);
        settle(&cx).await;
        assert_eq!(partitions.get(0).unwrap().call(Number).await, Err(CallError::NoProcess));
        assert_eq!(partitions.get(1).unwrap().call(Number).await, Ok(1));
    });
}

#[test]
fn from_one_partition_to_the_most_are_allowed() {
    each_seed(|mut cx| async move {
        let one = PartitionSupervisor::new(1, Partition).start_link(&mut cx).await.unwrap();
        assert_eq!(one.of("any key").call(Number).await, Ok(0));
        for number in [0, PARTITIONS_MAX + 1] {
            let error = PartitionSupervisor::new(number, Partition).start().await.unwrap_err();
            let StartError::Init(reason) = error else { panic!("it was spawned: {error}") };
            assert_eq!(reason.to_string(), format!("{{start_spec,{{invalid_partitions,{number}}}}}"));
        }
    });
}

#[test]
fn the_most_partitions_are_started() {
    on_threads(|mut cx| async move {
        let most = PartitionSupervisor::new(PARTITIONS_MAX, Partition).start_link(&mut cx).await.unwrap();
        assert_eq!(most.get(PARTITIONS_MAX - 1).unwrap().call(Number).await, Ok(PARTITIONS_MAX - 1));
        stop(&mut cx, most.supervisor()).await;
    });
}
