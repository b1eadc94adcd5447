//! The waker of a task: a counted reference to it.

#![expect(unsafe_code, reason = "a waker is a pointer whose meaning only its functions know")]

use super::{Header, Life, release};
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable};

static WAKER: RawWakerVTable = RawWakerVTable::new(waker_clone, waker_wake, waker_wake_by_ref, waker_drop);

pub(super) fn raw_waker(header: NonNull<Header>) -> RawWaker {
    RawWaker::new(header.as_ptr().cast_const().cast(), &WAKER)
}

/// The task of a waker, which has a counted reference to it.
unsafe fn of_waker(data: *const ()) -> NonNull<Header> {
    // SAFETY: wakers are made by `raw_waker` only.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

unsafe fn waker_clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker has a reference.
    let header = unsafe { of_waker(data) };
    // SAFETY: the waker has a reference.
    unsafe { header.as_ref() }.count_reference();
    raw_waker(header)
}

unsafe fn waker_wake(data: *const ()) {
    // SAFETY: the waker has a reference, which is given back afterwards.
    unsafe { waker_wake_by_ref(data) };
    // SAFETY: as above.
    unsafe { waker_drop(data) };
}

unsafe fn waker_wake_by_ref(data: *const ()) {
    // SAFETY: the waker has a reference.
    let header = unsafe { of_waker(data) };
    // SAFETY: the waker has a reference.
    let door = unsafe { header.as_ref() }.door;
    // SAFETY: the reference keeps the task's program, and that its door.
    let door = unsafe { door.as_ref() };
    let runnable = door.inside.with(|inside| {
        let is_behind = inside.task == Some(header);
        if is_behind { inside.wake(header, Life::Woken) } else { None }
    });
    if let Some(runnable) = runnable {
        runnable.schedule();
    }
}

unsafe fn waker_drop(data: *const ()) {
    // SAFETY: the waker has a reference.
    let header = unsafe { of_waker(data) };
    // SAFETY: it is given back once.
    unsafe { release(header) };
}
