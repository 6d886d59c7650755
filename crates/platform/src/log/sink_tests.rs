use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const LINE: &[u8] = b"a line of the log\n";
const SOON: Duration = Duration::from_secs(20);

/// A destination that blocks, as a pipe that is not read, or refuses, as a full disk, until it is
/// released.
#[derive(Clone, Default)]
struct Out(Arc<Inside>);

#[derive(Default)]
struct Inside {
    written: Mutex<Vec<u8>>,
    gate: Condvar,
    is_blocked: Mutex<bool>,
    is_full: AtomicBool,
}

impl Out {
    fn blocked(is_blocked: bool) -> Self {
        let out = Self::default();
        out.block(is_blocked);
        out
    }

    fn block(&self, is_blocked: bool) {
        *self.0.is_blocked.lock().unwrap() = is_blocked;
        self.0.gate.notify_all();
    }

    fn written(&self) -> Vec<u8> {
        self.0.written.lock().unwrap().clone()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let blocked = self.0.is_blocked.lock().unwrap();
        drop(self.0.gate.wait_while(blocked, |is_blocked| *is_blocked).unwrap());
        // A pipe takes what it has room for.
        let taken = bytes.len().min(1_000);
        self.0.written.lock().unwrap().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log(sink: &Sink, lines: usize) {
    for _ in 0..lines {
        sink.make_writer().write_all(LINE).unwrap();
    }
}

#[test]
fn lines_are_written_whole_and_in_order() {
    let out = Out::default();
    let sink = Sink::start(out.clone()).unwrap();

    for number in 0..5_000 {
        sink.make_writer().write_all(format!("{number}\n").as_bytes()).unwrap();
    }

    assert!(sink.flush(SOON));
    let expected: String = (0..5_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(String::from_utf8(out.written()).unwrap(), expected);
}

#[test]
fn a_log_that_is_not_read_blocks_no_caller_and_takes_bounded_memory() {
    let out = Out::blocked(true);
    let sink = Sink::start(out.clone()).unwrap();
    let fit = BYTES_MAX / LINE.len();

    log(&sink, fit + 1_000);

    assert!(!sink.flush(Duration::from_millis(50)), "the destination is blocked");
    let queue = sink.0.queue();
    assert!(queue.bytes() <= BYTES_MAX);
    assert_eq!(queue.dropped, 1_000);
    drop(queue);

    out.block(false);
    assert!(sink.flush(SOON));
    assert_eq!(out.written(), LINE.repeat(fit));
    assert_eq!(sink.0.queue().dropped, 0, "a line has said it");
}

#[test]
fn lines_that_a_full_disk_refused_are_written_when_there_is_space_again() {
    let out = Out::default();
    out.0.is_full.store(true, Ordering::Relaxed);
    let sink = Sink::start(out.clone()).unwrap();

    log(&sink, 10);
    assert!(!sink.flush(Duration::from_millis(50)));
    out.0.is_full.store(false, Ordering::Relaxed);

    assert!(sink.flush(SOON));
    assert_eq!(out.written(), LINE.repeat(10));
}
