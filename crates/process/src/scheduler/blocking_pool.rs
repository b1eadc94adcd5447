//! Pure: when a pool for blocking work starts a thread, lets work wait, or refuses it.

/// The numbers of a pool.
#[derive(Debug)]
pub(super) struct Pool {
    threads_max: usize,
    queue_max: usize,
    threads: usize,
    /// Threads that wait for work, and those that are just starting.
    idle: usize,
    /// Work in the queue, also what an idle thread is about to take.
    queued: usize,
}

/// What to do with work that is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Submit {
    /// Put it into the queue and wake an idle thread.
    Wake,
    /// Put it into the queue and start a thread.
    Start,
    /// Put it into the queue: all threads are at work.
    Wait,
    /// Give it back.
    Refuse,
}

impl Pool {
    pub(super) fn new(threads_max: usize, queue_max: usize) -> Self {
        Self { threads_max: threads_max.max(1), queue_max, threads: 0, idle: 0, queued: 0 }
    }

    /// Decides about work that is brought.
    pub(super) fn submit(&mut self) -> Submit {
        let decided = if self.queued < self.idle {
            Submit::Wake
        } else if self.threads < self.threads_max {
            self.threads += 1;
            self.idle += 1;
            Submit::Start
        } else if self.waiting() < self.queue_max {
            Submit::Wait
        } else {
            return Submit::Refuse;
        };
        self.queued += 1;
        decided
    }

    /// A thread could not be started; whether the work must be taken back, since nobody is there to do it.
    pub(super) fn start_failed(&mut self) -> bool {
        self.threads -= 1;
        self.idle -= 1;
        let nobody_is_there = self.threads == 0;
        if nobody_is_there {
            self.queued -= 1;
        }
        nobody_is_there
    }

    /// An idle thread takes work from the queue.
    pub(super) fn take(&mut self) {
        self.idle -= 1;
        self.queued -= 1;
    }

    /// A thread has done its work.
    pub(super) fn done(&mut self) {
        self.idle += 1;
    }

    /// An idle thread ends.
    pub(super) fn leave(&mut self) {
        self.idle -= 1;
        self.threads -= 1;
    }

    /// All that was queued has been given up.
    pub(super) fn clear(&mut self) {
        self.queued = 0;
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// How many threads have nothing to do, and are not about to take anything.
    pub(super) fn idle(&self) -> usize {
        self.idle.saturating_sub(self.queued)
    }

    /// How much work waits for a thread.
    pub(super) fn waiting(&self) -> usize {
        self.queued.saturating_sub(self.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_threads_up_to_the_limit_then_lets_work_wait_up_to_its_limit() {
        let mut pool = Pool::new(2, 1);
        assert_eq!([pool.submit(), pool.submit()], [Submit::Start, Submit::Start]);
        pool.take();
        pool.take();
        assert_eq!(pool.submit(), Submit::Wait);
        assert_eq!(pool.waiting(), 1);
        assert_eq!(pool.submit(), Submit::Refuse);
        // A thread that is done takes what waits: there is room again.
        pool.done();
        pool.take();
        assert_eq!(pool.submit(), Submit::Wait);
    }

    #[test]
    fn an_idle_thread_is_woken_before_another_is_started() {
        let mut pool = Pool::new(9, 0);
        assert_eq!(pool.submit(), Submit::Start);
        pool.take();
        pool.done();
        assert_eq!(pool.submit(), Submit::Wake);
        // It has not taken that yet: one more thread is needed for one more piece of work.
        assert_eq!(pool.submit(), Submit::Start);
        assert_eq!(pool.threads(), 2);
    }

    #[test]
    fn threads_that_end_make_room_for_others() {
        let mut pool = Pool::new(1, 0);
        assert_eq!(pool.submit(), Submit::Start);
        pool.take();
        assert_eq!(pool.submit(), Submit::Refuse);
        pool.done();
        pool.leave();
        assert_eq!((pool.threads(), pool.idle()), (0, 0));
        assert_eq!(pool.submit(), Submit::Start);
    }

    #[test]
    fn work_for_a_thread_that_does_not_start_is_left_to_the_others_if_there_are_any() {
        let mut pool = Pool::new(2, 0);
        assert_eq!(pool.submit(), Submit::Start);
        assert!(pool.start_failed(), "nobody is there");
        assert_eq!(pool.submit(), Submit::Start);
        pool.take();
        assert_eq!(pool.submit(), Submit::Start);
        assert!(!pool.start_failed());
        assert_eq!(pool.waiting(), 1);
    }
}
