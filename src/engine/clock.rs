//! A timer on the run's clock that is finer than the async runtime's.

use std::task::Context;
use std::task::Poll;

use crate::measure::Clock;
#[cfg(not(target_os = "linux"))]
pub(super) use portable::Timer;
#[cfg(target_os = "linux")]
pub(super) use precise::Timer;

/// On Linux: a timer of the kernel with absolute times, woken through the reactor. The runtime's
/// own timers have a resolution of a millisecond.
#[cfg(target_os = "linux")]
mod precise {
    use std::os::fd::OwnedFd;

    use rustix::time::Itimerspec;
    use rustix::time::TimerfdClockId;
    use rustix::time::TimerfdFlags;
    use rustix::time::TimerfdTimerFlags;
    use rustix::time::Timespec;
    use tokio::io::unix::AsyncFd;

    use super::Clock;
    use super::Context;
    use super::Poll;

    /// Wakes its task at a time on the clock.
    #[derive(Debug)]
    pub(in crate::engine) struct Timer {
        clock: Clock,
        /// How long before the time it wakes its task and stays awake.
        awake_ns: u64,
        file: AsyncFd<OwnedFd>,
        armed: Option<u64>,
    }

    impl Timer {
        /// Must be made inside a runtime. The last `awake_ns` before a time are waited awake.
        pub(in crate::engine) fn new(clock: Clock, awake_ns: u64) -> std::io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(deprecated, reason = "sound for an owned descriptor; its successor is unsafe")]
            let file = AsyncFd::new(file)?;
            Ok(Self { clock, awake_ns, file, armed: None })
        }

        /// Ready once the time has come; `None` never is.
        pub(in crate::engine) fn poll(
            &mut self,
            at: Option<u64>,
            context: &mut Context<'_>,
        ) -> Poll<()> {
            let Some(at) = at else { return Poll::Pending };
            let sleep_until = at.saturating_sub(self.awake_ns);
            if let Some(come) = self.come(at, sleep_until, context) {
                return come;
            }
            if self.armed != Some(sleep_until) {
                self.arm(sleep_until);
            }
            loop {
                match self.file.poll_read_ready(context) {
                    Poll::Ready(Ok(mut guard)) => {
                        let mut count = [0; 8];
                        // Nothing to read means that it was for an earlier time.
                        let fired = rustix::io::read(guard.get_inner(), &mut count).is_ok();
                        guard.clear_ready();
                        if fired && let Some(come) = self.come(at, sleep_until, context) {
                            self.armed = None;
                            return come;
                        }
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        }

        /// Whether the time has come, or is so near that its task stays awake: then it is polled
        /// again at once, after the other tasks. `None`: it may sleep.
        fn come(&self, at: u64, sleep_until: u64, context: &Context<'_>) -> Option<Poll<()>> {
            let now = self.clock.now();
            if now >= at {
                return Some(Poll::Ready(()));
            }
            (now >= sleep_until).then(|| {
                context.waker().wake_by_ref();
                Poll::Pending
            })
        }

        fn arm(&mut self, at: u64) {
            let until = self.clock.absolute(at);
            let value = Timespec {
                tv_sec: i64::try_from(until.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: until.subsec_nanos().into(),
            };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let spec = Itimerspec { it_interval: never, it_value: value };
            // It fails on a bad descriptor or time only; then the poll above still sees the clock.
            let _ = rustix::time::timerfd_settime(&self.file, TimerfdTimerFlags::ABSTIME, &spec);
            self.armed = Some(at);
        }
    }
}

/// Elsewhere: the runtime's timer, with its resolution of a millisecond.
#[cfg(not(target_os = "linux"))]
mod portable {
    use std::future::Future;
    use std::pin::Pin;
    use std::time::Duration;

    use tokio::time::Sleep;

    use super::Clock;
    use super::Context;
    use super::Poll;

    /// Wakes its task at a time on the clock.
    #[derive(Debug)]
    pub(in crate::engine) struct Timer {
        clock: Clock,
        /// How long before the time it wakes its task and stays awake.
        awake_ns: u64,
        sleep: Option<(u64, Pin<Box<Sleep>>)>,
    }

    impl Timer {
        /// Must be made inside a runtime. The last `awake_ns` before a time are waited awake: they
        /// are at least what the runtime's timer may be late by.
        pub(in crate::engine) fn new(clock: Clock, awake_ns: u64) -> std::io::Result<Self> {
            let awake_ns = if awake_ns == 0 { 0 } else { awake_ns.max(2_000_000) };
            Ok(Self { clock, awake_ns, sleep: None })
        }

        /// Ready once the time has come; `None` never is.
        pub(in crate::engine) fn poll(
            &mut self,
            at: Option<u64>,
            context: &mut Context<'_>,
        ) -> Poll<()> {
            let Some(at) = at else { return Poll::Pending };
            let now = self.clock.now();
            if now >= at {
                return Poll::Ready(());
            }
            if now >= at.saturating_sub(self.awake_ns) {
                // After the other tasks it is polled again.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let is_armed = self.sleep.as_ref().is_some_and(|(until, _)| *until == at);
            if !is_armed {
                let sleep = tokio::time::sleep(Duration::from_nanos(at - now - self.awake_ns));
                self.sleep = Some((at, Box::pin(sleep)));
            }
            let slept = self.sleep.as_mut().map(|(_, sleep)| sleep.as_mut().poll(context));
            match slept {
                Some(Poll::Ready(())) if self.clock.now() < at => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(slept) => slept,
                None => Poll::Pending,
            }
        }
    }
}
